"""Contracts: what is read from an ODCS file, and what is refused."""

import hashlib
import json
import subprocess
import sys
from importlib.resources import files

import jsonschema
import pyarrow as pa
import pytest
import yaml

from data_contracts.contract import Contract
from data_contracts.contract_rules import CustomCheck, Metric, Operator, Severity
from data_contracts.contracts import Contracts
from data_contracts.errors import ContractInvalid
from data_contracts.shipped_contracts import SHIPPED, Judged, shipped_tables
from tests.conftest import REPOSITORY

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: mine\nversion: 2.1.0\nstatus: active\n"


@pytest.fixture
def contract_of(tmp_path):
    """Reads a contract whose `schema` is the YAML given."""

    def read(schema, head=HEAD):
        path = tmp_path / "mine.odcs.yaml"
        path.write_text(f"{head}schema:\n{schema}", encoding="utf-8")
        return Contract.load(path)

    return read


def rule_of(contract_of, quality):
    """Reads the one rule written on the column `language` of `documents`."""
    contract = contract_of(
        "- name: documents\n  properties:\n  - name: language\n    logicalType: string\n"
        f"    quality:\n    - {quality}\n"
    )
    return contract.rules()[-1]


@pytest.mark.parametrize("path", SHIPPED.values(), ids=SHIPPED)
def test_every_contract_of_the_mill_is_valid_by_the_official_schema(path):
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())
    contract = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert contract["apiVersion"] == "v3.1.0"
    assert not list(jsonschema.Draft201909Validator(schema).iter_errors(contract))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_quick_reading_of_columns_is_that_of_the_whole_contract(name):
    contract = Contract.load(SHIPPED[name])
    tables = {table: one for table, one in shipped_tables().items() if one.contract == name}
    assert set(contract.tables) == set(tables)
    for table, one in tables.items():
        assert contract.arrow_schema(table).equals(one.schema, check_metadata=True), table


@pytest.mark.parametrize("name", SHIPPED)
def test_every_written_rule_of_the_mill_has_its_own_id_and_description(name):
    written = yaml.safe_load(SHIPPED[name].read_text(encoding="utf-8"))
    qualities = [
        quality
        for table in written["schema"]
        for where in [table, *table["properties"]]
        for quality in where.get("quality", [])
    ]
    assert all({"id", "description", "severity", "dimension"} <= set(one) for one in qualities)
    ids = [rule.id for rule in Contract.load(SHIPPED[name]).rules()]
    assert len(ids) == len(set(ids)) > len(qualities)


def test_a_contract_is_stamped_with_id_version_and_the_hash_of_its_bytes():
    contract = Contract.load(SHIPPED["ledger"])
    assert (contract.id, contract.version) == ("corpusmill.ledger", "1.0.0")
    assert contract.sha256 == hashlib.sha256(SHIPPED["ledger"].read_bytes()).hexdigest()


def test_reading_a_contract_loads_neither_great_expectations_nor_polars():
    program = (
        "import sys; from data_contracts.contracts import Contracts; Contracts.load();"
        "print([m for m in ('great_expectations', 'polars', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_promises_of_the_schema_become_critical_rules(contract_of):
    contract = contract_of(
        """
- name: ledger
  properties:
  - {name: record_id, logicalType: string, primaryKey: true, logicalTypeOptions: {pattern: "^a"}}
  - {name: position, logicalType: integer, unique: true, logicalTypeOptions: {minimum: 1, format: i64}}
  - {name: fate, logicalType: string, required: true, enum: [{value: kept}, {value: dropped}]}
"""
    )
    rules = {rule.id: rule for rule in contract.rules()}
    assert list(rules) == [
        "ledger.columns",
        "ledger.required",
        "ledger.record_id.unique",
        "ledger.record_id.valid",
        "ledger.position.unique",
        "ledger.position.valid",
        "ledger.fate.valid",
    ]
    assert {rule.severity for rule in rules.values()} == {Severity.CRITICAL}
    assert rules["ledger.required"].columns == ("record_id", "fate")
    assert rules["ledger.position.valid"].check.arguments.given() == {"minimum": 1}
    assert rules["ledger.fate.valid"].check.arguments.validValues == ("kept", "dropped")


def test_columns_become_arrow_fields(contract_of):
    contract = contract_of(
        """
- name: signals
  properties:
  - {name: words, logicalType: integer, required: true}
  - {name: share, logicalType: number, physicalType: float32}
  - {name: good, logicalType: boolean}
  - name: parts
    logicalType: array
    items: {logicalType: object, properties: [{name: one, logicalType: string}]}
"""
    )
    part = pa.list_(pa.struct([pa.field("one", pa.string())]))
    assert contract.arrow_schema("signals") == pa.schema(
        [
            pa.field("words", pa.int64(), nullable=False),
            pa.field("share", pa.float32()),
            pa.field("good", pa.bool_()),
            pa.field("parts", part),
        ]
    )


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("", Severity.CRITICAL),
        ("severity: critical", Severity.CRITICAL),
        ("severity: error", Severity.CRITICAL),
        ("severity: warning", Severity.WARNING),
        ("severity: info", Severity.INFO),
    ],
)
def test_a_severity_is_read_and_critical_when_nothing_is_said(contract_of, word, severity):
    rule = rule_of(contract_of, f"{{metric: nullValues, mustBe: 0, {word}}}")
    assert rule.severity is severity


@pytest.mark.parametrize(
    ("comparison", "operator", "expected", "words"),
    [
        ("mustBe: 0", Operator.EQUAL, 0, "= 0"),
        ("mustNotBe: 3", Operator.NOT_EQUAL, 3, "≠ 3"),
        ("mustBeGreaterThan: 1", Operator.GREATER, 1, "> 1"),
        ("mustBeGreaterOrEqualTo: 1.5", Operator.AT_LEAST, 1.5, "≥ 1.5"),
        ("mustBeLessThan: 1", Operator.LESS, 1, "< 1"),
        ("mustBeLessOrEqualTo: 1", Operator.AT_MOST, 1, "≤ 1"),
        ("mustBeBetween: [1, 2]", Operator.BETWEEN, (1, 2), "between 1 and 2"),
    ],
)
def test_every_comparison_is_read(contract_of, comparison, operator, expected, words):
    check = rule_of(contract_of, f"{{metric: nullValues, {comparison}}}").check
    assert (check.operator, check.expected) == (operator, expected)
    assert check.formula == f"nullValues {words}"


def test_a_rule_without_id_is_named_after_what_it_checks(contract_of):
    rule = rule_of(contract_of, "{metric: nullValues, mustBe: 0}")
    assert rule.id == "documents.language.nullValues"
    assert rule.description == "nullValues = 0"


def test_a_library_rule_of_a_table_names_its_columns(contract_of):
    contract = contract_of(
        "- name: ledger\n  quality:\n"
        "  - {metric: duplicateValues, arguments: {properties: [source, key]}, mustBe: 0}\n"
    )
    (rule,) = contract.rules()
    assert rule.columns == ("source", "key")
    assert rule.check.metric is Metric.DUPLICATE_VALUES


def test_a_query_has_its_placeholders_filled_in(contract_of):
    rule = rule_of(
        contract_of,
        '{id: q, type: sql, query: "SELECT MAX(${column}) FROM ${table}", mustBe: zh}',
    )
    assert rule.check.query == "SELECT MAX(language) FROM documents"
    assert rule.check.expected == "zh"


@pytest.mark.parametrize(
    "implementation",
    [
        "{type: expect_column_values_to_be_in_set, kwargs: {value_set: [en]}}",
        '"type: expect_column_values_to_be_in_set\\nkwargs: {value_set: [en]}"',
    ],
)
def test_an_expectation_may_be_a_mapping_or_text(contract_of, implementation):
    rule = rule_of(
        contract_of,
        f"{{type: custom, engine: greatExpectations, implementation: {implementation}}}",
    )
    assert rule.check == CustomCheck(
        expectation="expect_column_values_to_be_in_set",
        kwargs={"value_set": ["en"], "column": "language"},
    )
    assert rule.columns == ("language",)


CUSTOM = "type: custom, engine: greatExpectations, implementation"


@pytest.mark.parametrize(
    ("quality", "place", "problem"),
    [
        ("{metric: nullValues}", "quality[0]", "exactly one of mustBe, "),
        (
            "{metric: nullValues, mustBe: 0, mustBeLessThan: 1}",
            "quality[0]",
            "exactly one of mustBe, ",
        ),
        ("{metric: nullValue, mustBe: 0}", "quality[0].metric", "not one of"),
        ("{metric: nullValues, mustBeLes: 0}", "quality[0]", "mustBeLes"),
        ("{metric: nullValues, mustBe: yes}", "quality[0]", "a number or a string"),
        ("{metric: nullValues, mustBe: 0, unit: parts}", "quality[0].unit", "'percent'"),
        ("{metric: nullValues, mustBe: 0, severity: bad}", "quality[0]", "severity `bad`"),
        ("{metric: nullValues, mustBeBetween: [1]}", "quality[0].mustBeBetween", "too short"),
        ("{metric: nullValues, mustNotBeBetween: [1, 2]}", "quality[0]", "mustNotBeBetween"),
        ("{metric: nullValues, mustBe: 0, arguments: {pattern: a}}", "quality[0]", "no argument"),
        ("{metric: invalidValues, mustBe: 0}", "quality[0]", "needs an argument"),
        ("{metric: invalidValues, arguments: {patern: a}, mustBe: 0}", "patern", "Extra"),
        ("{metric: invalidValues, arguments: {validValues: [no]}, mustBe: 0}", "validV", "valid"),
        ("{metric: invalidValues, arguments: {minLength: -1}, mustBe: 0}", "minLength", "greater"),
        ("{metric: rowCount, mustBe: 0}", "quality[0]", "rows of a table"),
        (
            "{metric: duplicateValues, arguments: {properties: [source]}, mustBe: 0}",
            "quality[0]",
            "rules of the table",
        ),
        ("{type: text, description: good}", "quality[0]", "type `text` cannot be checked"),
        ("{id: q, type: sql, mustBe: 0}", "quality[q]", "'query' is a required"),
        ("{type: sql, query: SELECT 1, mustBeLessThan: 1, engine: a}", "quality[0]", "engine"),
        ("{type: custom, engine: soda, implementation: a}", "engine", "not greatExpectations"),
        (f"{{{CUSTOM}: 'a: b: c'}}", "implementation", "not YAML"),
        (f"{{{CUSTOM}: [1]}}", "implementation", "not valid"),
        (f"{{{CUSTOM}: {{kwargs: {{}}, meta: {{}}}}}}", "implementation", "`type` and `kwargs`"),
        (f"{{{CUSTOM}: {{type: expect_good_data}}}}", "implementation", "is none of"),
        (
            f"{{{CUSTOM}: {{type: expect_column_values_to_be_in_set}}}}",
            "implementation",
            "needs value_set",
        ),
        (
            f"{{{CUSTOM}: {{type: expect_column_values_to_be_between}}}}",
            "implementation",
            "holds of anything",
        ),
        (
            f"{{{CUSTOM}: {{type: expect_column_values_to_be_unique, kwargs: {{mostly: 0}}}}}}",
            "implementation",
            "mostly is 0",
        ),
        (
            f"{{{CUSTOM}: {{type: expect_column_values_to_be_unique, kwargs: {{most: 1}}}}}}",
            "implementation",
            "takes no most",
        ),
        (
            f"{{{CUSTOM}: {{type: expect_column_values_to_be_unique, kwargs: {{column: a}}}}}}",
            "implementation",
            "looks at another one",
        ),
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused_with_its_place(
    contract_of, quality, place, problem
):
    with pytest.raises(ContractInvalid) as caught:
        rule_of(contract_of, quality)
    error = caught.value
    assert error.path.endswith("mine.odcs.yaml")
    assert error.place.startswith("schema[documents].properties[language].quality[")
    assert place in error.place
    assert problem in error.problem


@pytest.mark.parametrize(
    ("schema", "place", "problem"),
    [
        ("- name: tables", "schema[tables]", "there is no table `tables`, only records"),
        ("- {name: ledger}\n- {name: ledger}", "schema", "two tables"),
        (
            "- {name: ledger, properties: [{name: lang, logicalType: string}]}",
            "schema[ledger].properties[lang]",
            "no such column",
        ),
        (
            "- {name: ledger, properties: [{name: row, logicalType: string}]}",
            "schema[ledger].properties[row]",
            "the column is int64, not string",
        ),
        (
            "- {name: signals, properties: [{name: a, logicalType: date}]}",
            "schema[signals].properties[a]",
            "the type `date` is none of",
        ),
        (
            (
                "- {name: signals, properties: [{name: a, logicalType: string}, "
                "{name: a, logicalType: string}]}"
            ),
            "schema[signals].properties[a]",
            "twice",
        ),
        (
            (
                "- {name: signals, properties: [{name: a, logicalType: string, "
                "logicalTypeOptions: {format: uuid}}]}"
            ),
            "properties[a].logicalTypeOptions",
            "Extra",
        ),
        (
            (
                "- {name: signals, properties: [{name: a, logicalType: string, "
                "relationships: [{to: b.c}]}]}"
            ),
            "properties[a].relationships",
            "not checked",
        ),
        (
            (
                "- {name: signals, properties: [{name: a, logicalType: array, "
                "items: {logicalType: string, unique: true}}]}"
            ),
            "properties[a].unique",
            "not checked",
        ),
        (
            "- {name: documents, quality: [{metric: nullValues, mustBe: 0}]}",
            "schema[documents].quality[0]",
            "needs a column",
        ),
        (
            (
                "- {name: ledger, quality: [{metric: rowCount, mustBe: 1}, "
                "{metric: rowCount, mustBe: 2}]}"
            ),
            "schema[ledger].quality[1]",
            "two rules are `ledger.rowCount`",
        ),
        (
            (
                "- {name: documents, quality: [{type: custom, engine: greatExpectations, "
                "implementation: {type: expect_column_values_to_be_unique, kwargs: {column: text}}}]}"
            ),
            "schema[documents].quality[0].implementation",
            "text is never handed",
        ),
        (
            "- {name: kept, quality: [{metric: rowCount, mustBe: 1}]}",
            "schema[kept]",
            "only its columns are checked",
        ),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(contract_of, schema, place, problem):
    with pytest.raises(ContractInvalid) as caught:
        contract_of(schema)
    assert place in caught.value.place
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        (b"\xff\xfe", "byte 0", "not UTF-8"),
        (b"a: [", "line 1", "expected"),
        (b"- a", "file", "not a mapping"),
        (b"", "file", "not a mapping"),
        (b"kind: DataContract\nkind: DataContract\n", "line 1", "`kind` is there twice"),
        (b"kind: DataContract\nid: a\nversion: 1.0.0\n", "file", "'apiVersion' is a required"),
        (HEAD.replace("3.1", "2.9").encode(), "apiVersion", "not one of"),
        (HEAD.replace("mine", "../mine").encode(), "id", "letters, digits"),
        (HEAD.replace("mine", "a/b").encode(), "id", "letters, digits"),
        (HEAD.replace("3.1", "3.0").encode(), "apiVersion", "none of v3.1.0"),
        ((HEAD + "qualty: []\n").encode(), "file", "qualty"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path, content, place, problem):
    path = tmp_path / "broken.odcs.yaml"
    path.write_bytes(content)
    with pytest.raises(ContractInvalid) as caught:
        Contract.load(path)
    assert caught.value.place == place
    assert problem in caught.value.problem


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ContractInvalid, match=r"nowhere\.yaml: file: No such file") as caught:
        Contract.load(tmp_path / "nowhere.yaml")
    assert caught.value.exit_code == 2


def test_a_contract_may_speak_of_signals_that_only_its_recipe_measures(contract_of):
    contract = contract_of(
        "- name: signals\n  properties:\n"
        "  - {name: perplexity, logicalType: number, logicalTypeOptions: {maximum: 900}}\n"
    )
    assert contract.rules()[-1].id == "signals.perplexity.valid"


def test_contracts_of_ones_own_are_added_and_their_rules_bear_their_id(tmp_path):
    own = tmp_path / "mine.odcs.yaml"
    own.write_text(
        HEAD + "schema:\n- name: documents\n  quality: [{metric: rowCount, mustBe: 3}]\n"
        "- name: scorecard\n  quality: [{metric: rowCount, mustBe: 1}]\n",
        encoding="utf-8",
    )
    bundled, both = Contracts.load(), Contracts.load([own])
    assert [one.id for one in both.stamps[:-1]] == [one.id for one in bundled.stamps]
    more = [one.id for one in both.rules() if one not in bundled.rules()]
    assert more == ["mine/documents.rowCount", "mine/scorecard.rowCount"]
    assert both.rules(Judged.MODEL)[-1].id == more[1]
    assert both.rules(Judged.GATE)[-1].id == more[0]
    assert both.stamps_at(Judged.RELEASE) == bundled.stamps_at(Judged.RELEASE)


def test_a_contract_with_the_id_of_a_bundled_one_replaces_it(tmp_path):
    own = tmp_path / "mine.odcs.yaml"
    text = SHIPPED["ledger"].read_text(encoding="utf-8")
    own.write_text(text.replace("version: 1.0.0", "version: 9.0.0"), encoding="utf-8")
    contracts = Contracts.load([own])
    assert [one.label for one in contracts.stamps][2] == "corpusmill.ledger 9.0.0"
    assert [one.id for one in contracts.rules()] == [one.id for one in Contracts.load().rules()]


def test_two_contracts_of_the_same_id_are_refused(tmp_path):
    paths = [tmp_path / name for name in ("one.yaml", "two.yaml")]
    for path in paths:
        path.write_text(HEAD, encoding="utf-8")
    with pytest.raises(ContractInvalid, match="another contract is `mine`"):
        Contracts.load(paths)
