from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import functools
import subprocess
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pydantic
import pytest
from typing_extensions import TypeAliasType

from asyncjobs.codec import Arguments, Result, decode_meta, encode_meta
from asyncjobs.errors import ArgumentError, ConfigurationError

if TYPE_CHECKING:
    from nowhere import Missing

T = TypeVar("T")
UserId = NewType("UserId", int)
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")  # type: ignore[misc]
Twice = TypeAliasType("Twice", "list[Twice] | list[tuple[Twice, ...]] | str")  # type: ignore[misc]
Implicit = dict[str, "Implicit"] | list["Implicit"] | str


def arguments_for(annotation: object) -> Arguments:
    def task(value): ...

    task.__annotations__ = {"value": annotation}
    return Arguments.of(task, skip_first=False)


def round_trip(annotation: object, value: object) -> object:
    arguments = arguments_for(annotation)
    args, kwargs = arguments.decode(arguments.encode((value,), {}))
    assert args == ()
    return kwargs["value"]


def refusal(annotation: object, value: object) -> str:
    with pytest.raises(ArgumentError) as caught:
        arguments_for(annotation).encode((value,), {})
    return str(caught.value)


def label(parameter: object) -> str:
    """A test's id for values whose own text is too long, or can't be had."""
    return parameter[:40] if isinstance(parameter, str) else type(parameter).__name__


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


# --- binding ---------------------------------------------------------------------------------------------------------


async def send_welcome(user_id: int, subject: str = "Hi", *, urgent: bool = False) -> str:
    return ""


WELCOME = Arguments.of(send_welcome, skip_first=False)


def test_arguments_are_stored_by_name_however_they_were_passed() -> None:
    assert WELCOME.encode((7,), {}) == '{"args":[],"kwargs":{"user_id":7}}'
    assert WELCOME.encode((), {"user_id": 7}) == '{"args":[],"kwargs":{"user_id":7}}'


def test_a_default_is_stored_only_when_it_was_passed() -> None:
    assert WELCOME.encode((7, "Hi"), {}) == '{"args":[],"kwargs":{"user_id":7,"subject":"Hi"}}'


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'user_id'"),
        ((1, "x", True), {}, "too many positional arguments"),
        ((1,), {"user_id": 1}, "multiple values for argument 'user_id'"),
        ((1,), {"uid": 1}, "got an unexpected keyword argument 'uid'"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_with_the_signature(
    args: tuple[object, ...], kwargs: dict[str, object], reason: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        WELCOME.encode(args, kwargs)
    assert str(caught.value) == f"send_welcome(user_id: int, subject: str = 'Hi', *, urgent: bool = False): {reason}"


def test_every_kind_of_parameter_comes_back_where_it_was() -> None:
    seen: list[object] = []

    def task(a: int, /, b: dt.date, *rest: UUID, c: set[int], **more: Decimal) -> None:
        seen.append((a, b, rest, c, more))

    arguments = Arguments.of(task, skip_first=False)
    day, key = dt.date(2026, 11, 23), UUID(int=5)
    for args, kwargs in [
        ((1, day, key, key), {"c": {1}, "d": Decimal("1.0"), "a": Decimal(2)}),
        ((1, day), {"c": {1}}),
        ((1,), {"b": day, "c": set()}),
    ]:
        task(*args, **kwargs)
        again = arguments.decode(arguments.encode(args, kwargs))
        task(*again[0], **again[1])  # type: ignore[arg-type]
        assert seen.pop() == seen.pop()


def test_a_value_of_star_args_is_refused_with_its_place() -> None:
    def task(*ids: int, **options: bool) -> None: ...

    arguments = Arguments.of(task, skip_first=False)
    with pytest.raises(ArgumentError, match=r"task: ids\[1\]: expected int, got str 'x'"):
        arguments.encode((1, "x"), {})
    with pytest.raises(ArgumentError, match="task: fast: expected bool, got int 1"):
        arguments.encode((), {"fast": 1})


def test_the_context_is_stripped_and_its_annotation_never_read() -> None:
    def task(context: Missing, value: int) -> None: ...

    arguments = Arguments.of(task, skip_first=True)
    assert list(arguments.signature.parameters) == ["value"]
    assert arguments.decode(arguments.encode((5,), {})) == ((), {"value": 5})


def test_methods_and_partials_and_callable_objects_are_functions_too() -> None:
    class Sender:
        def send(self, day: dt.date) -> None: ...

        def __call__(self, day: dt.date) -> None: ...

    def send(channel: str, day: dt.date) -> None: ...

    day = dt.date(2026, 11, 23)
    for function in (Sender().send, Sender(), functools.partial(send, "mail")):
        arguments = Arguments.of(function, skip_first=False)
        assert arguments.decode(arguments.encode((), {"day": day})) == ((), {"day": day})


def test_none_is_welcome_where_it_is_the_default() -> None:
    def task(value: int = None): ...  # type: ignore[assignment]  # noqa: RUF013

    arguments = Arguments.of(task, skip_first=False)
    assert arguments.decode(arguments.encode((None,), {})) == ((), {"value": None})


# --- annotations at registration -------------------------------------------------------------------------------------


class Opaque:
    pass


@dataclass
class HoldsOpaque:
    inner: Opaque


@dataclass
class WithInitVar:
    seed: InitVar[int]


class OddEnum(enum.Enum):
    A = object()


@pytest.mark.parametrize(
    "annotation",
    [
        Opaque,
        HoldsOpaque,
        WithInitVar,
        OddEnum,
        Callable[[int], int],
        type[int],
        complex,
        list[Opaque],
        Opaque | None,
        typing.Iterator[int],
        collections.deque[int],
        Literal[b"x"],
        5,
        "int +",
        "typing.Nothing",
    ],
)
def test_an_annotation_that_cannot_be_carried_is_refused_by_name(annotation: object) -> None:
    with pytest.raises(ConfigurationError, match="task: parameter 'value' is annotated"):
        arguments_for(annotation).encode((1,), {})


def test_the_field_that_cannot_be_carried_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"HoldsOpaque.inner is .*Opaque"):
        arguments_for(HoldsOpaque)


def test_an_unresolved_name_is_refused_at_the_first_use_and_not_before() -> None:
    def task(value: Missing) -> None: ...

    arguments = Arguments.of(task, skip_first=False)
    with pytest.raises(ConfigurationError, match=r"task: parameter 'value' is annotated 'Missing'.*TYPE_CHECKING"):
        arguments.encode((1,), {})
    with pytest.raises(ArgumentError, match="'Missing'"):
        arguments.decode('{"args":[],"kwargs":{"value":1}}')


def test_a_name_that_is_defined_later_in_the_module_is_found() -> None:
    def task(value: DefinedLater) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    arguments = Arguments.of(task, skip_first=False)
    globals()["DefinedLater"] = dt.date
    try:
        day = dt.date(2026, 11, 23)
        assert arguments.decode(arguments.encode((day,), {})) == ((), {"value": day})
    finally:
        del globals()["DefinedLater"]


# --- values ----------------------------------------------------------------------------------------------------------


@dataclass
class Address:
    city: str
    since: dt.date | None = None


@dataclass(frozen=True, slots=True)
class User:
    id: UserId
    created_at: dt.datetime
    homes: tuple[Address, ...] = ()


class Colour(enum.Enum):
    RED = "red"

    @classmethod
    def _missing_(cls, value: object) -> Colour | None:
        return cls.RED if value == "crimson" else None


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Size(enum.StrEnum):
    S = "s"


class Level(enum.IntEnum):
    ONE = 1


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


@dataclass
class Box(Generic[T]):
    item: T


class Node(typing.NamedTuple):
    value: int
    next: Node | None = None


NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
USER = User(UserId(7), NOW, (Address("Köln"), Address("Bonn", dt.date(2020, 1, 1))))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (User, USER),
        (list[User], [USER]),
        (dict[Size, User], {Size.S: USER}),
        (Annotated[UserId, ["metadata"]], 5),
        (Rights, Rights.READ | Rights.WRITE),
        (Rights | None, Rights.READ),
        (Movie, {"title": "M"}),
        (Movie, {"title": "M", "year": 1931}),
        (Box[dt.date], Box(dt.date(2026, 1, 1))),
        (Node, Node(1, Node(2))),
        (Json, {"a": [1, {"$": "x"}, None]}),
        (Implicit, {"a": ["b", {"c": []}]}),
        (Json | dt.date, dt.date(2026, 1, 1)),
        (Json | dt.date, [["2026-01-01"]]),
        (Path, Path("mail/\udcff")),
        (str, "\ud800 lone \x00"),
        (Any, {"$": "datetime", "v": "not a tag"}),
        (Any, {1: "a", "1": "b", (2, 3): {4}, None: b"\xff"}),
        (int, 2**70),
        (int, -(10**4299)),
        (float, 3),
        (list[Any], nested(99)),
        (Any, nested(100)),
    ],
    ids=label,
)
def test_a_value_comes_back_equal_and_of_its_type(annotation: object, value: object) -> None:
    again = round_trip(annotation, value)
    assert again == value
    assert type(again) is (float if annotation is float else type(value))


def test_a_bool_for_an_int_comes_back_as_a_bool() -> None:
    assert round_trip(int, True) is True
    assert round_trip(list[int], [1, True])[1] is True  # type: ignore[index]


@pytest.mark.parametrize(
    ("annotation", "value", "plain"),
    [
        (str, Size.S, "s"),
        (int, Level.ONE, 1),
        (dict[str, int], collections.OrderedDict(a=1), {"a": 1}),
        (Any, collections.Counter("aab"), {"a": 2, "b": 1}),
        (Any, Node(1), (1, None)),
        (list[int], type("Sub", (list,), {})([1]), [1]),
    ],
)
def test_a_subclass_comes_back_as_its_plain_equal(annotation: object, value: object, plain: object) -> None:
    again = round_trip(annotation, value)
    assert again == plain
    assert type(again) is type(plain)


def test_a_subclass_that_is_not_equal_to_its_plain_form_is_refused() -> None:
    class Odd(str):
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Odd)

        __hash__ = str.__hash__

    for annotation in (str, Any):
        assert "would come back as a plain str" in refusal(annotation, Odd("x"))
    assert "would come back as a plain date" in refusal(dt.date, NOW)


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        (User, User(UserId(1), "2026"), "value.created_at: expected datetime, got str '2026'"),  # type: ignore[arg-type]
        (User, User(UserId(1), NOW, (Address(5),)), "value.homes[0].city: expected str, got int 5"),  # type: ignore[arg-type]
        (dict[str, list[int]], {"a": [1, "b"]}, "value['a'][1]: expected int, got str 'b'"),
        (int | None, "x", "value: expected int, got str 'x'"),
        (int | str, 1.5, "value: expected int | str, got float 1.5"),
        (Literal["a"], "b", "value: expected Literal['a'], got str 'b'"),
        (Literal[1], True, "value: expected Literal[1], got bool True"),
        (Colour, "red", "value: expected Colour, got str 'red'"),
        (Movie, {"name": "M"}, "value: doesn't fit Movie(title, year): missing title; unexpected 'name'"),
        (tuple[int, int], (1,), "value: expected tuple[int, int], got tuple (1,)"),
        (set[int], [1], "expected set, got list [1]"),
        (Sequence[str], "abc", "expected list[str] | tuple[str, ...], got str 'abc'"),
        (Iterable[int], range(3), "got range range(0, 3)"),
        (float, float("nan"), "value: float nan is not a number that JSON can carry"),
        (list[float], [0.0, float("-inf")], "value[1]: float -inf"),
        (Any, {"a": [float("inf")]}, "value['a'][0]: float inf"),
        (float, 2**53 + 1, "can't be a float without losing digits"),
        (float, 10**400, "can't be a float without losing digits"),
        (int, 10**4300, "int has more digits than Python converts"),
        (Any, [10**4300], "value[0]: int has more digits"),
        (list[int], [1, 10**4300], "value[1]: int has more digits"),
        (dict[Decimal, int], {Decimal("NaN"): 1, Decimal("NaN"): 2}, "two keys"),
        (Twice, nested(101), "nested deeper than 100 levels"),
        (str, "\ud83d\ude00", "surrogate pair"),
        (Any, {"\ud83d\ude00": 1}, "surrogate pair"),
        (Any, USER, "annotate the parameter"),
        (Any, Size.S, "annotate the parameter"),
        (Any, [object()], "annotate the parameter"),
        (Any, nested(101), "nested deeper than 100 levels"),
        (list[Any], nested(101), "nested deeper than 100 levels"),
        (Json, nested(101), "nested deeper than 100 levels"),
        (Json, nested(5000), "nested deeper than 100 levels"),
        (Any, collections.OrderedDict(a=nested(5000)), ""),
    ],
    ids=label,
)
def test_a_value_that_does_not_fit_is_refused_with_its_path(annotation: object, value: object, sentence: str) -> None:
    assert sentence in refusal(annotation, value)


def test_a_cycle_is_refused() -> None:
    loop: list[object] = []
    loop += [loop, loop]
    for annotation in (Any, list, Json, list[Any]):
        assert "contains itself" in refusal(annotation, loop)
    with pytest.raises(ArgumentError, match="contains itself"):
        encode_meta({"loop": loop})


def test_a_refusal_shows_sixty_characters_of_the_value_at_most() -> None:
    for value in ("x" * 1_000_000, ["x" * 50] * 50):
        assert len(refusal(int, value)) < 110


def test_a_value_that_cannot_be_shown_is_still_refused_in_a_sentence() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError

    assert refusal(int, Silent()).startswith("task: value: expected int, got Silent <Silent")


def test_equal_sets_are_the_same_text() -> None:
    names = {f"name{number}" for number in range(50)}
    again = set(sorted(names, reverse=True))
    for annotation in (set[str], Any):
        arguments = arguments_for(annotation)
        assert arguments.encode((names,), {}) == arguments.encode((again,), {})


# --- moments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fold", [0, 1])
def test_a_datetime_in_the_hour_that_the_clocks_repeat_comes_back_equal_in_its_zone(fold: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moment = dt.datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=berlin)
    again = round_trip(dt.datetime, moment)
    assert isinstance(again, dt.datetime)
    assert again == moment
    assert (again.fold, again.tzinfo, again.utcoffset()) == (fold, berlin, moment.utcoffset())


def test_a_zone_that_is_not_known_here_leaves_the_offset() -> None:
    text = '{"args":[],"kwargs":{"value":"2026-10-25T02:30:00+01:00[Mars/Olympus]"}}'
    again = arguments_for(dt.datetime).decode(text)[1]["value"]
    assert again == dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)


def test_a_zone_whose_rules_have_changed_does_not_move_the_instant() -> None:
    text = '{"args":[],"kwargs":{"value":"2026-07-01T12:00:00+05:00[Europe/Berlin]"}}'
    again = arguments_for(dt.datetime).decode(text)[1]["value"]
    assert again == dt.datetime(2026, 7, 1, 7, tzinfo=dt.UTC)


def test_a_zone_key_never_leads_out_of_the_time_zone_database() -> None:
    for key in ("../../etc/passwd", "/etc/passwd", "Europe", "os.path"):
        text = f'{{"args":[],"kwargs":{{"value":"12:00:00[{key}]"}}}}'
        with pytest.raises(ArgumentError):
            arguments_for(dt.time).decode(text)


def test_an_offset_below_a_second_is_not_read_as_utc() -> None:
    for micros in (1, -1):
        zone = dt.timezone(dt.timedelta(microseconds=micros))
        again = round_trip(dt.datetime, NOW.replace(tzinfo=zone))
        assert isinstance(again, dt.datetime)
        assert again.utcoffset() == dt.timedelta(microseconds=micros)


def test_a_stored_date_is_no_datetime() -> None:
    with pytest.raises(ArgumentError, match="expected datetime, got str '2026-11-23'"):
        arguments_for(dt.datetime).decode('{"args":[],"kwargs":{"value":"2026-11-23"}}')


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-0.00", "1E+5"])
def test_a_decimal_keeps_its_text(text: str) -> None:
    for annotation in (Decimal, Any, int | Decimal):
        assert str(round_trip(annotation, Decimal(text))) == text


def test_a_stored_text_that_is_no_decimal_is_refused_in_any_decimal_context() -> None:
    with decimal.localcontext() as context:
        context.traps[decimal.InvalidOperation] = False
        with pytest.raises(ArgumentError, match="expected Decimal, got str 'abc'"):
            arguments_for(Decimal).decode('{"args":[],"kwargs":{"value":"abc"}}')


# --- records ---------------------------------------------------------------------------------------------------------


def test_a_subclass_of_a_dataclass_is_refused_and_not_cut_down() -> None:
    @dataclass
    class Flat(Address):
        floor: int = 0

    assert "expected Address, got Flat" in refusal(Address, Flat("Köln"))


@dataclass
class Upper:
    name: str

    def __post_init__(self) -> None:
        self.name = self.name.upper()


@dataclass
class Doubled:
    amount: int
    log: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.amount *= 2


def test_a_dataclass_that_its_init_would_change_again_is_refused() -> None:
    assert round_trip(Upper, Upper("a")) == Upper("a")
    assert "would not come back the same" in refusal(Doubled, Doubled(1))


def test_a_computed_field_that_was_changed_is_refused() -> None:
    doubled = Doubled(0)
    assert round_trip(Doubled, doubled) == doubled
    doubled.log.append("x")
    assert "would not come back the same" in refusal(Doubled, doubled)


def test_a_field_that_was_added_with_a_default_reads_old_text() -> None:
    text = '{"args":[],"kwargs":{"value":{"city":"Köln"}}}'
    assert arguments_for(Address).decode(text) == ((), {"value": Address("Köln")})


def test_a_field_that_was_removed_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"value: doesn't fit Address\(city, since\): unexpected 'zip'"):
        arguments_for(Address).decode('{"args":[],"kwargs":{"value":{"city":"Köln","zip":"5"}}}')


def test_a_class_that_refuses_the_stored_values_is_an_argument_error() -> None:
    @dataclass
    class Positive:
        value: int

        def __post_init__(self) -> None:
            if self.value < 0:
                raise ValueError("below zero")

    with pytest.raises(ArgumentError, match=r"Positive refused .*below zero"):
        arguments_for(Positive).decode('{"args":[],"kwargs":{"value":{"value":-1}}}')


def test_an_enum_may_answer_for_a_value_that_it_once_had() -> None:
    assert arguments_for(Colour).decode('{"args":[],"kwargs":{"value":"crimson"}}') == ((), {"value": Colour.RED})


# --- unions ----------------------------------------------------------------------------------------------------------


def test_only_what_json_cannot_tell_apart_is_tagged() -> None:
    def stored(annotation: object, value: object) -> str:
        return arguments_for(annotation).encode((value,), {})[len('{"args":[],"kwargs":{"value":') : -2]

    assert stored(dt.date | None, dt.date(2026, 1, 1)) == '"2026-01-01"'
    assert stored(str | dt.date, "2026-01-01") == '"2026-01-01"'
    assert stored(str | dt.date, dt.date(2026, 1, 1)) == '{"$":"date","v":"2026-01-01"}'
    assert stored(bool | int, 5) == "5"
    assert stored(Address | None, Address("Köln")) == '{"city":"K\\u00f6ln","since":null}'


def test_widening_an_annotation_leaves_what_is_stored_readable() -> None:
    text = arguments_for(Address).encode((Address("Köln"),), {})
    assert arguments_for(Address | User | None).decode(text) == ((), {"value": Address("Köln")})


def test_an_int_that_was_stored_before_the_annotation_became_float_is_read() -> None:
    for annotation in (float, float | str):
        again = arguments_for(annotation).decode('{"args":[],"kwargs":{"value":3}}')[1]["value"]
        assert (again, type(again)) == (3.0, float)


def test_two_classes_of_the_same_name_are_told_apart() -> None:
    def make(kind: type) -> type:
        return dataclass(type("Same", (), {"__annotations__": {"x": kind}}))

    one, other = make(int), make(int)
    for cls in (one, other):
        assert type(round_trip(one | other, cls(5))) is cls


# --- pydantic --------------------------------------------------------------------------------------------------------


class Item(pydantic.BaseModel):
    name: str
    price: Decimal = Decimal("1.50")
    at: dt.datetime | None = None
    tags: set[str] = set()


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    at: dt.datetime
    pair: tuple[int, int]


class Aliased(pydantic.BaseModel):
    name: str = pydantic.Field(alias="userName")
    nick: str = "none"


class Lossy(pydantic.BaseModel):
    secret: str = pydantic.Field(exclude=True, default="")


class Fresh(pydantic.BaseModel):
    id: UUID = pydantic.Field(default_factory=lambda: UUID(int=next(FRESH)))


FRESH = iter(range(1000))


class Names(pydantic.RootModel[list[str]]):
    pass


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Item, Item(name="x", at=NOW, tags={"a", "b"})),
        (list[Item], [Item(name="x")]),
        (Item | None, Item(name="$")),
        (Item | Strict, Strict(at=NOW, pair=(1, 2))),
        (Strict, Strict(at=NOW, pair=(1, 2))),
        (Aliased, Aliased(userName="x")),
        (Names, Names(["a"])),
        (Names | list[str], Names(["a"])),
        (Names | list[str], ["a"]),
        (Fresh, Fresh()),
    ],
)
def test_a_pydantic_model_comes_back_equal(annotation: object, value: object) -> None:
    again = round_trip(annotation, value)
    assert again == value
    assert type(again) is type(value)


def test_fields_of_a_model_that_were_not_set_stay_unset() -> None:
    again = round_trip(Item, Item(name="x"))
    assert isinstance(again, Item)
    assert again.model_dump(exclude_unset=True) == {"name": "x"}
    again = round_trip(Aliased, Aliased(userName="x"))
    assert isinstance(again, Aliased)
    assert again.model_fields_set == {"name"}


def test_a_model_that_its_json_form_mangles_is_refused() -> None:
    assert "would not come back" in refusal(Lossy, Lossy(secret="x"))
    assert "would not come back" in refusal(Item, Item.model_construct(name=5))

    class Special(Item):
        extra: int = 0

    assert "expected Item, got Special" in refusal(Item, Special(name="x"))


def test_a_model_that_refuses_the_stored_values_is_an_argument_error() -> None:
    with pytest.raises(ArgumentError, match="value: Item refused"):
        arguments_for(Item).decode('{"args":[],"kwargs":{"value":{"name":5}}}')


def test_a_pydantic_dataclass_comes_back_equal() -> None:
    @pydantic.dataclasses.dataclass
    class Checked:
        name: str
        at: dt.datetime

    assert round_trip(Checked, Checked("x", NOW)) == Checked("x", NOW)


def test_the_codec_never_imports_pydantic() -> None:
    program = "import sys, asyncjobs.codec; sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[1])


# --- stored text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"args":[]}',
        '{"kwargs":{}}',
        '{"args":{},"kwargs":[]}',
        '{"args":[],"kwargs":{"user_id":1},"more":1}',
        '{"args":[],"kwargs":{"user_id":NaN}}',
        '{"args":[' + "1" * 5000 + '],"kwargs":{}}',
        "[" * 100_000,
    ],
)
def test_text_that_is_no_call_is_an_argument_error(text: str) -> None:
    with pytest.raises(ArgumentError, match="stored arguments no longer fit send_welcome"):
        WELCOME.decode(text)


def test_stored_names_and_the_signature_of_today_are_shown_together() -> None:
    with pytest.raises(ArgumentError) as caught:
        WELCOME.decode('{"args":[],"kwargs":{"uid":1,"subject":"x"}}')
    assert "send_welcome(user_id: int, subject: str = 'Hi', *, urgent: bool = False)" in str(caught.value)
    assert str(caught.value).endswith("stored are: uid, subject")


def test_positional_arguments_of_another_writer_are_read() -> None:
    assert WELCOME.decode('{"args": [7, "x"], "kwargs": {"urgent": true}}') == ((7, "x"), {"urgent": True})


def test_stored_nan_is_refused() -> None:
    for constant in ("NaN", "Infinity", "-Infinity"):
        for annotation in (Any, float):
            with pytest.raises(ArgumentError, match=f"{constant} is not JSON"):
                arguments_for(annotation).decode(f'{{"args":[],"kwargs":{{"value":{constant}}}}}')
        with pytest.raises(ArgumentError, match=f"{constant} is not JSON"):
            decode_meta(f'{{"a":{constant}}}')


def test_a_tag_names_nothing_but_the_closed_table() -> None:
    for tag in ('"os.system"', '"list"', "5", "null", "[]"):
        with pytest.raises(ArgumentError):
            arguments_for(Any).decode(f'{{"args":[],"kwargs":{{"value":{{"$":{tag},"v":"x"}}}}}}')


# --- results and metadata --------------------------------------------------------------------------------------------


def test_a_result_comes_back_by_its_annotation() -> None:
    def task() -> list[User]: ...

    result = Result.of(task)
    assert result.decode(result.encode([USER])) == [USER]
    with pytest.raises(ArgumentError, match=r"result of task: \[0\]: expected User, got int 5"):
        result.encode([5])


@pytest.mark.parametrize("annotation", [Any, None, "None", Opaque, "Missing", "int +", typing.NoReturn])
def test_a_result_of_any_other_annotation_is_treated_as_any(annotation: object) -> None:
    def task(): ...

    task.__annotations__ = {"return": annotation}
    result = Result.of(task)
    assert result.decode(result.encode({"at": NOW})) == {"at": NOW}


def test_a_stored_result_that_no_longer_fits_is_an_argument_error() -> None:
    def task() -> int: ...

    with pytest.raises(ArgumentError, match="the stored result of task no longer fits"):
        Result.of(task).decode('"x"')


@pytest.mark.parametrize("value", [(1,), {1}, b"x", NOW, Size.S, {1: 2}, float("nan"), object(), nested(101)])
def test_meta_takes_json_and_nothing_else(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"meta: \['key'\]"):
        encode_meta({"key": value})


def test_meta_has_no_tags() -> None:
    assert encode_meta({"$": "é"}) == '{"$":"\\u00e9"}'
    assert decode_meta('{"$":"date","v":1}') == {"$": "date", "v": 1}


@pytest.mark.parametrize("text", ["", "[]", "null", "{"])
def test_meta_that_is_no_object_is_an_argument_error(text: str) -> None:
    with pytest.raises(ArgumentError, match="stored meta"):
        decode_meta(text)
