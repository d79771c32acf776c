"""Text in another encoding than UTF-8 is read where the encoding can be told, else it is one row."""

import codecs
import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.reasons import Reason
from pipeline.ingest.charset import decoded, in_utf8
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.conftest import REPOSITORY
from tests.pipeline.ingest.inputs import records_of, run

TEXTS = {
    "gb18030": "磨坊在河边，磨工在有风的日子里对着石磨唱歌。面粉装在袋子里，送到镇上的面包店去。",
    "big5": "磨坊在河邊，磨工在有風的日子裡對著石磨唱歌。麵粉裝在袋子裡，送到鎮上的麵包店去。",
    "cp932": "水車小屋は川のそばにあり、風の強い日には粉屋が石臼に向かって歌います。",
    "euc_jp": "水車小屋は川のそばにあり、風の強い日には粉屋が石臼に向かって歌います。",
    "cp949": "방앗간은 강가에 있고 바람 부는 날이면 방앗간 주인이 맷돌에게 노래를 불러 준다.",
    "cp1251": "Мельница стоит у реки, и в ветреный день мельник поёт камням свою песню о хлебе.",
    "koi8-r": "Мельница стоит у реки, и в ветреный день мельник поёт камням свою песню о хлебе.",
    "cp1250": "Mlýn stojí u řeky a za větrného dne zpívá mlynář kamenům svou píseň o chlebu a žitě.",
    "cp1252": "Die Mühle steht am Fluß, und an windigen Tagen singt der Müller den Steinen schöne Lieder.",
    "cp1253": "Ο μύλος βρίσκεται δίπλα στο ποτάμι και ο μυλωνάς τραγουδά στις πέτρες για το ψωμί.",
    "cp1254": "Değirmen ırmağın kıyısındadır ve rüzgârlı günlerde değirmenci taşlara şarkı söyler, güzelce.",
    "cp1255": "הטחנה עומדת ליד הנהר, וביום של רוח הטוחן שר לאבנים שיר על הלחם ועל החיטה.",
    "cp1256": "تقع الطاحونة بجانب النهر، وفي الأيام العاصفة يغني الطحان للحجارة أغنية عن الخبز والقمح.",
    "cp1257": "Dzirnavas stāv pie upes, un vējainā dienā dzirnavnieks dzied akmeņiem savu dziesmu par maizi.",
    "utf-16": "The mill stands by the river. 磨坊在河边。",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_text_in_the_encoding_of_its_language_comes_out_to_the_character(encoding):
    text = TEXTS[encoding] * 3
    assert decoded(text.encode(encoding)) == text.encode()


@pytest.mark.parametrize("name", ["gb18030", "gbk", "gb2312", "big5", "cp949", "euc_jp"])
def test_files_that_pythons_authors_wrote_in_these_encodings_are_read(name):
    found = importlib.util.find_spec("test")
    folder = Path(str(found.origin)).parent / "cjkencodings" if found and found.origin else Path()
    if not (folder / f"{name}.txt").exists():
        pytest.skip("this Python comes without its tests")
    data, twin = (folder / f"{name}.txt").read_bytes(), (folder / f"{name}-utf8.txt").read_bytes()
    assert decoded(data) == twin


def test_a_book_in_latin_1_is_read(tmp_path):
    book = REPOSITORY / "deployments" / "corpora" / "tales" / "jane-austen--lady-susan.md"
    (record,) = records_of(run(tmp_path, Source(name="tales", path=str(book))))
    assert "Vernon" in record["text"]
    assert "\ufffd" not in record["text"]


@pytest.mark.parametrize(
    "data",
    [
        TEXTS["gb18030"].encode() + b"\xff\xfe" + TEXTS["cp1251"].encode(),
        "Ein Müller, zwei Mü".encode()[:-1],
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"\x7fELF" + bytes(range(255, 0, -1)) * 9,
        b"M\xfchle",
    ],
    ids=["UTF-8 with a fault", "UTF-8 that is cut", "a picture", "a program", "too short to tell"],
)
def test_damaged_utf_8_and_what_is_no_text_stays_unreadable(tmp_path, data):
    assert decoded(data) is None
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt").write_text("corn", encoding="utf-8")
    result = run(tmp_path, Source(name="mill", path=str(tmp_path / "*.txt")))
    assert result.rows_dropped == {Reason.BAD_ENCODING: 1}


@pytest.mark.parametrize("encoding", ["gb18030", "cp1251", "cp932", "utf-16"])
def test_tables_are_read_in_the_encoding_of_the_whole_file(tmp_path, encoding):
    rows = [f"{n};{TEXTS[encoding]}" for n in range(40)]
    data = "\n".join(["id;text", *rows]).encode(encoding)
    (tmp_path / "a.csv").write_bytes(data)
    source = Source(name="mill", path=str(tmp_path / "a.csv"), key_field="id")
    found = {record["key"]: record["text"] for record in records_of(run(tmp_path, source))}
    assert found == {str(n): TEXTS[encoding] for n in range(40)}
    if encoding == "gb18030":
        place = data.rindex(b"\n") + 4
        (tmp_path / "a.csv").write_bytes(data[:place] + b"\xff" + data[place:])
        result = run(tmp_path, source, recipe=IngestRecipe(max_unreadable_ratio=1))
        assert result.rows_dropped == {Reason.BAD_ENCODING: 1}
        assert result.rows_kept == 39


@given(st.binary(max_size=300))
def test_any_bytes_give_valid_utf_8_or_nothing(data):
    found = decoded(data)
    assert found is None or found.decode().encode() == found


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_stream_in_utf_8_is_passed_on_byte_by_byte(text, size):
    data = text.encode("utf-8", "replace")
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(in_utf8(iter(parts))) == data


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_a_stream_of_any_bytes_goes_on_to_its_end(parts):
    data = b"".join(in_utf8(iter([codecs.BOM_UTF16_LE, *parts])))
    assert isinstance(data, bytes)
