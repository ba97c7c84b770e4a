"""Documents written for people load as what was meant, and explain each field in the model's own words."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.documents import OPTIONS

from lastgood.deciding.proposal import Named, proposed
from lastgood.documents.defaults import defaults
from lastgood.documents.kinds import FILES, models
from lastgood.documents.reading import parse
from lastgood.documents.schema import schemas
from lastgood.documents.writing import WIDTH, Draft, Offer, plain, write
from lastgood.wiring.documents import document_schemas

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x85\u2028\u2029\ufeff"))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    TEXT,
    st.sampled_from(
        [".5", ".inf", "010", "1e3", "yes", "null", "~", "- a", "a: b", "a #b", "2024-01-01", "1h30m"]
    ),
    st.from_regex(r"[A-Za-z.][ -~]{0,20}", fullmatch=True),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXT.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = ("alpha", "beta", "gamma")


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)))
def test_what_is_written_reads_back_as_it_was(data: dict[str, object]) -> None:
    schema = {"description": "A test.", "properties": {name: {"description": "It."} for name in FIELDS}}
    text = write(schema, Draft(data))
    assert parse(text, "x.yml").data == (data or None)


@settings(deadline=None)
@given(SCALARS)
def test_what_is_only_offered_is_not_there(value: object) -> None:
    schema = {"properties": {"alpha": {"description": "It."}, "beta": {}}}
    draft = Draft({"alpha": Offer(value), "beta": {"x": Offer([{"y": value}]), "z": 1}})
    text = write(schema, draft)
    assert parse(text, "x.yml").data == plain(draft.data) == {"beta": {"z": 1}}


NAMED = Named("shop", "/srv/shop/lastgood", "lastgood", ("shop",), {"orders": "sqlite"}, ("local",), (), True)


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind != "system"])
def test_a_proposed_document_is_valid_narrow_and_explains_every_field(kind: str) -> None:
    every = schemas(OPTIONS)
    draft = proposed(NAMED, {one: defaults(schema) for one, schema in every.items()})[kind]
    text = write(every[kind], draft)
    models(OPTIONS)[kind].model_validate(parse(text, "x.yml").data)
    assert all(len(line) <= WIDTH + 10 for line in text.splitlines())
    words = " ".join(text.replace("#", " ").split())
    for name, field in every[kind]["properties"].items():
        if name not in ("kind", "version"):
            assert name in words
            assert " ".join(field["description"].split()) in words


def test_defaults_are_whole_and_valid_for_every_kind() -> None:
    for kind, schema in document_schemas().items():
        if kind != "system":
            assert isinstance(schema, dict)
            models(OPTIONS)[kind].model_validate(defaults(schema))
    detection = defaults(schemas(OPTIONS)["rollback/detection"])
    assert detection["canary"][0] == {
        "percent": 10,
        "at_least": "10s",
        "at_most": "5m",
        "minimum_requests": 50,
    }
