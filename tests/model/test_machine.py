import os
import sys
from pathlib import Path

import pytest
import torch

from model.machine import computing, has_bfloat16_units, mixed_precision, product_dtype

CPU = torch.device("cpu")


def test_a_cpu_computes_in_float32_unless_asked():
    assert product_dtype(CPU, None) == product_dtype(CPU, "float32") == torch.float32
    with mixed_precision(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_bfloat16_is_taken_where_there_are_units_for_it():
    if not has_bfloat16_units():
        assert product_dtype(CPU, "bfloat16") == torch.float32
        pytest.skip("this CPU has no matrix units for bfloat16")
    with mixed_precision(CPU, "bfloat16"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_computes_in_bfloat16():
    with mixed_precision(torch.device("cuda")):
        product = torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")
    assert product.dtype == torch.bfloat16


@pytest.mark.skipif(sys.platform != "linux", reason="the C library is another")
def test_memory_is_kept_while_computing_and_given_back_after():
    size, before = 2**22, resident_bytes()
    with computing(1):
        pieces = [torch.ones(size) for _ in range(8)]  # 16 MB each
        del pieces
        kept = resident_bytes() - before
    assert kept > 16 * size > 4 * (resident_bytes() - before)


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_threads_are_as_before_after_computing():
    before = torch.get_num_threads()
    with computing(before + 1) as threads:
        assert threads == torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
