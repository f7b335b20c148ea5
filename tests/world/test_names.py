"""The dice call an order by its number in the play: whatever Haat drew for it, the same becomes of it."""

from typing import Any

from haat_world import faults, parcels
from haat_world.clock import Turned
from haat_world.faults import Faults
from haat_world.line import Line
from haat_world.names import Names, attempt_in
from haat_world.truth import Consignment
from haat_world.world import World
from tests.world.running import NEW_YEAR, a_world

ATTEMPT = "0197a1b2-0000-7000-8000-00000000abcd"
EARLIER = "0197a1b2-0000-7000-8000-00000000aaaa"


def short(attempt: str) -> str:
    """As gateways are told it: 25 letters and digits."""
    value, text = int(attempt.replace("-", ""), 16), ""
    while value:
        value, digit = divmod(value, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text.rjust(25, "0")


def named(number: str, attempt: str = ATTEMPT) -> Names:
    names = Names()
    names.placed({"number": number, "id": "one"}, 17)
    names.tried("one", [{"attempts": []}, {"attempts": [{"id": EARLIER}, {"id": attempt}]}])
    return names


def test_a_try_to_pay_is_known_by_its_id_however_a_gateway_is_told_it() -> None:
    names = named("HT-2601-000017")
    assert {names.of(each) for each in (ATTEMPT, short(ATTEMPT), short(ATTEMPT).upper())} == {"order 17 payment 2 try 2"}
    assert attempt_in(short(ATTEMPT)) == attempt_in(ATTEMPT) == ATTEMPT


def test_a_parcel_is_known_by_its_reference_and_is_the_same_however_often_it_was_booked() -> None:
    names = named("ht 2601/000017")
    assert names.of("HT-2601-000017-1") == "order 17 parcel 1"
    assert names.of("HT-2601-000017-1-2") == "order 17 parcel 1 booking 2"
    assert {names.parcel(f"HT-2601-000017-1{again}") for again in ("", "-2", "-3")} == {"order 17 parcel 1"}


def test_what_was_not_ordered_by_the_play_keeps_its_own_name() -> None:
    names = named("HT-2601-000017")
    for other in ("HT-2601-000018-1", "G1", "", short("0197a1b2-0000-7000-8000-00000000ffff"), "z" * 25):
        assert (names.of(other), names.parcel(other)) == (other, "")
    names.tried("another", [{"attempts": [{"id": "0197a1b2-0000-7000-8000-00000000ffff"}]}])
    assert names.of("0197a1b2-0000-7000-8000-00000000ffff") == "0197a1b2-0000-7000-8000-00000000ffff"


def a_play(number: str, attempt: str) -> World:
    world = World(seed=7, clock=Turned(NEW_YEAR), line=Line())
    world.names = named(number, attempt)
    return world


def test_two_haats_that_draw_other_numbers_meet_the_same_fates() -> None:
    one, other = a_play("HT-1", ATTEMPT), a_play("XX-99", "0197a1b2-0000-7000-8000-00000000ffff")
    said = [
        [faults.decline(Faults(soft=0.5), world.dice, "bkash", world.named("bkash", short(each)), n) for n in range(20)]
        for world, each in ((one, ATTEMPT), (other, "0197a1b2-0000-7000-8000-00000000ffff"))
    ]
    ways = [walked(one, "pathao", "HT-1-1"), walked(other, "steadfast", "XX-99-1"), walked(other, "steadfast", "XX-99-1-2")]
    assert said[0] == said[1]
    assert ways[0] == ways[1] == ways[2]
    assert walked(one, "pathao", "HT-1-2") != ways[0]
    assert walked(one, "pathao", "G1") != walked(one, "steadfast", "G1")


def walked(world: World, courier: str, reference: str) -> list[parcels.Leg]:
    parcel = Consignment(party=courier, id=reference, reference=reference, cash=100, status="created", created_at=NEW_YEAR)
    parcels.start(world, parcel, lambda _parcel, _leg: None, address="House 1, Bogura")
    return parcels.way(world, parcel, address="House 1, Bogura")


async def test_a_parcel_keeps_its_name_where_the_world_that_booked_it_has_ended() -> None:
    world = a_play("HT-1", ATTEMPT)
    before = walked(world, "pathao", "HT-1-1")
    world.names = Names()
    parcel = world.truth.consignments["pathao", "HT-1-1"]
    assert parcels.way(world, parcel, address="House 1, Bogura") == before
    assert world.named("pathao", "HT-1-1") == "order 17 parcel 1"


async def test_a_gateway_that_is_told_of_a_try_before_its_buyer_asks_whose_it_is() -> None:
    async with a_world() as running:
        asked: list[str] = []

        async def introduce(attempt: str) -> None:
            asked.append(attempt)
            running.world.names = named("HT-1", attempt)

        running.world.introduce = introduce
        for _ in range(2):
            await running.line.send("POST", f"{running.url}/sslcommerz/gwprocess/v4/api.php", body=f"tran_id={short(ATTEMPT)}".encode())
        await running.line.send("POST", f"{running.url}/webhook/haat", headers={"webhook-id": EARLIER})  # a message's id, of no payment
        counted: dict[Any, int] = dict(running.world.counts)
    assert asked == [ATTEMPT]
    assert counted["sslcommerz", "session", "order 17 payment 2 try 2"] == 2
