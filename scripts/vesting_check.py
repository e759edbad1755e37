#!/usr/bin/env python3
"""Checks the published vesting book against a chain; needs Python 3.9 and nothing else.

A second implementation of docs/contracts/vesting.md, written from that document alone: its own keccak-256, calendar and
formula. It believes neither the TypeScript of this repository nor the contracts.

  python3 scripts/vesting_check.py BOOK                           the file: every rule, all unlocks, hashes, total
  python3 scripts/vesting_check.py BOOK --rpc URL --lens ADDRESS  and whether the chain does what the file says
  python3 scripts/vesting_check.py --self-test                    keccak-256 and the calendar

The RPC has to know historical state (an archive node). Everything is read as of the head at the start.

Exit: 0 all is right; 1 a difference, or a malformed file; 2 wrong usage; 75 nothing can be said, run again: the RPC does
not answer, or the chain was reorganised.
"""

from __future__ import annotations

import argparse
import bisect
import calendar
import datetime
import http.client
import json
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

EX_TEMPFAIL = 75
MAX_BYTES = 24_576
FIRST_MONTH = 23_640  # January 1970
ERA_SECONDS = 146_097 * 86_400  # 400 years: after them the Gregorian calendar repeats
Json = Any


class Wrong(Exception):
    """The file or the chain is not as it should be."""


class Unknown(Exception):
    """Nothing can be said: the RPC does not answer, or not for the same chain."""


class Refused(Exception):
    """The RPC answered with an error."""


# KECCAK-256, as Ethereum has it: padding 0x01, not SHA-3's 0x06.

LANE = (1 << 64) - 1


def rotate(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & LANE


def round_constants() -> list[int]:
    """By the shift register of FIPS 202, section 3.2.5."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


ROUND_CONSTANTS = round_constants()


def permute(a: list[int]) -> list[int]:
    """Keccak-f[1600]; the lane (x, y) is a[x + 5 * y]."""
    for constant in ROUND_CONSTANTS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        a = [lane ^ d[i % 5] for i, lane in enumerate(a)]
        x, y, moved = 1, 0, a[1]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            a[x + 5 * y], moved = rotate(moved, (t + 1) * (t + 2) // 2 % 64), a[x + 5 * y]
        a = [a[i] ^ (~a[i - i % 5 + (i + 1) % 5] & a[i - i % 5 + (i + 2) % 5]) for i in range(25)]
        a[0] ^= constant
    return a


def keccak256(data: bytes) -> bytes:
    rate = 136
    padded = bytearray(data) + bytes(rate - len(data) % rate)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    state = [0] * 25
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            state[i] ^= int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
        state = permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


# THE CALENDAR


def anchor(start_month: int, day: int, k: int) -> int:
    """Unix time of 00:00:00 UTC on the day, or the last day of a shorter month, k months after the start."""
    year, month = divmod(start_month + k, 12)
    eras, year = year // 400 - 5, 2000 + year % 400  # what `calendar` knows ends with the year 9999
    day = min(day, calendar.monthrange(year, month + 1)[1])
    return calendar.timegm((year, month + 1, day, 0, 0, 0)) + eras * ERA_SECONDS


def iso(unix: int) -> str:
    eras, seconds = divmod(unix, ERA_SECONDS)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{moment.year + 400 * eras:04d}{moment:-%m-%dT%H:%M:%SZ}"


def unix_of(text: str) -> int:
    moment = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)).timestamp())


# THE BOOK


class Schedule(NamedTuple):
    first_tranche: int
    tranches: int


class Grant(NamedTuple):
    beneficiary: str
    schedule: int
    total_wei: int


def bits(word: int, high: int, low: int) -> int:
    return (word >> low) & ((1 << (high - low + 1)) - 1)


def record_at(offset: int, schedules: int) -> str:
    grants_from = 1 + 96 * schedules
    if offset == 0:
        return "the first byte"
    if offset < grants_from:
        return f"schedule {(offset - 1) // 96}, word {(offset - 1) % 96 // 32}"
    return f"grant {(offset - grants_from) // 32}"


class Book:
    """A published file that keeps every rule of the format."""

    def __init__(self, file: bytes) -> None:
        self.file, self.hash, self.count = file, keccak256(file), 0
        self._rule(1 <= len(file) <= MAX_BYTES, 0, f"the file has {len(file)} bytes, not 1 to {MAX_BYTES}")
        self._rule(file[0] == 0, 0, f"0x{file[0]:02x} instead of 0x00")
        self._rule(len(file) >= 33, len(file), "the file ends before its first word does")
        self.count = bits(self._word(1), 7, 0) + 1
        self._rule(self.count <= 64, 32, f"{self.count - 1} schedules follow the first one, more than 63")
        grants_from = 1 + 96 * self.count
        self._rule(len(file) > grants_from, len(file), f"the file ends before a grant, of which the first is at {grants_from}")
        whole = len(file) - (len(file) - grants_from) % 32
        self._rule(whole == len(file), whole, f"{len(file) - whole} bytes instead of a word of 32")
        self.schedules = [self._schedule(i) for i in range(self.count)]
        self.grants = [self._grant(offset) for offset in range(grants_from, len(file), 32)]
        self.total_wei = sum(grant.total_wei for grant in self.grants)
        start_month, day = bits(self._word(1), 71, 56), bits(self._word(1), 55, 48)
        last = max(s.first_tranche + s.tranches - 1 for s in self.schedules)
        self.anchors = [anchor(start_month, day, k) for k in range(last + 1)]
        self._unlocked: dict[tuple[int, int], int] = {}

    def _rule(self, kept: bool, offset: int, otherwise: str) -> None:
        if not kept:
            raise Wrong(f"byte {offset} ({record_at(offset, self.count)}): {otherwise}")

    def _word(self, offset: int) -> int:
        return int.from_bytes(self.file[offset : offset + 32], "big")

    def _schedule(self, index: int) -> Schedule:
        at = 1 + 96 * index
        word, remainder, category = self._word(at), self._word(at + 32), self.file[at + 64 : at + 96]
        revoker, month, day, clamped = bits(word, 231, 72), bits(word, 71, 56), bits(word, 55, 48), bits(word, 47, 40)
        self._rule(bits(word, 255, 232) == 0, at, "the first three bytes are not zero")
        self._rule(month >= FIRST_MONTH, at + 23, f"startMonth {month} is before {FIRST_MONTH}, January 1970")
        self._rule(1 <= day <= 31, at + 25, f"day {day} is not 1 to 31")
        self._rule(clamped == (day > 28), at + 26, f"clamped is {clamped} for day {day}")
        same = self.file[at + 23 : at + 27] == self.file[24:28]
        self._rule(same, at + 23, "startMonth, day and clamped are not those of schedule 0")
        self._rule(bits(word, 23, 16) > 0, at + 29, "there are no tranches")
        self._rule(revoker != 0 or bits(word, 15, 8) == 0, at + 30, "noticeMonths without a revoker")
        more = bits(word, 7, 0)
        self._rule(more == self.count - 1 - index, at + 31, f"more is {more}, but {self.count - 1 - index} schedules follow")
        self._rule(bits(remainder, 255, 160) == 0, at + 32, "the bytes before remainderTo are not zero")
        self._rule((revoker == 0) == (remainder == 0), at + 44, "revoker and remainderTo are not both zero or both given")
        name = category.rstrip(b"\0")
        self._rule(name != b"", at + 64, "the category is empty")
        for i, byte in enumerate(name):
            self._rule(0x21 <= byte <= 0x7E, at + 64 + i, f"0x{byte:02x} in the category")
        return Schedule(bits(word, 39, 24), bits(word, 23, 16))

    def _grant(self, at: int) -> Grant:
        word = self._word(at)
        grant = Grant(f"0x{bits(word, 255, 96):040x}", bits(word, 95, 90), bits(word, 89, 0))
        self._rule(bits(word, 255, 96) != 0, at, "the beneficiary is zero")
        self._rule(grant.schedule < self.count, at + 20, f"schedule {grant.schedule} of {self.count}")
        self._rule(grant.total_wei > 0, at + 20, "the grant is of 0 wei")
        return grant

    def due(self, schedule: int, unix: int) -> int:
        first_tranche, tranches = self.schedules[schedule]
        return min(max(bisect.bisect_right(self.anchors, unix) - first_tranche, 0), tranches)

    def vested(self, grant: Grant, unix: int) -> int:
        return grant.total_wei * self.due(grant.schedule, unix) // self.schedules[grant.schedule].tranches

    def unlocked(self, unix: int) -> int:
        """Wei that the whole book has unlocked: of each grant its own floor."""
        total = 0
        for i, schedule in enumerate(self.schedules):
            key = (i, self.due(i, unix))
            if key not in self._unlocked:
                mine = (grant.total_wei for grant in self.grants if grant.schedule == i)
                self._unlocked[key] = sum(wei * key[1] // schedule.tranches for wei in mine)
            total += self._unlocked[key]
        return total

    def table_hash(self) -> bytes:
        return keccak256(b"".join(number.to_bytes(32, "big") for at in self.anchors for number in (at, self.unlocked(at))))

    def unlocks(self, until: Optional[int]) -> list[dict[str, Json]]:
        """A row for each month in which something unlocks; what only a chain can tell is null."""
        rows, before = [], 0
        for month, unix in enumerate(self.anchors):
            now = self.unlocked(unix)
            if now != before and (until is None or unix <= until):
                row = {"month": month, "at": iso(unix), "unix": unix, "saidWei": str(now - before), "shownWei": None}
                row.update(cumulativeWei=str(now), differenceWei=None, block=None, latenessSeconds=None)
                rows.append(row)
            before = now
        return rows


# THE CHAIN


class Rpc:
    """JSON-RPC over HTTP."""

    TIMEOUT_SECONDS = 30
    PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0)

    def __init__(self, url: str) -> None:
        self.url = url
        self.blocks: dict[int, tuple[int, str]] = {}

    def request(self, method: str, *params: Json) -> Json:
        """Raises Refused where the RPC says no, Unknown where it does not say anything."""
        failure = ""
        for pause in self.PAUSES_SECONDS:
            time.sleep(pause)
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
            headers = {"content-type": "application/json", "user-agent": "opg-vesting-check"}
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(self.url, body, headers), timeout=self.TIMEOUT_SECONDS
                ) as response:
                    answer = json.load(response)
            except urllib.error.HTTPError as error:
                failure = f"HTTP {error.code}"
                try:
                    answer = json.loads(error.read())
                except (OSError, ValueError):
                    continue
            except (OSError, ValueError, http.client.HTTPException) as error:
                failure = str(getattr(error, "reason", error)) or type(error).__name__
                continue
            if not isinstance(answer, dict):
                failure = failure or "not an answer of JSON-RPC"
            elif answer.get("error"):
                problem = answer["error"]
                failure = str(problem.get("message", problem)) if isinstance(problem, dict) else str(problem)
                if not re.search("rate.?limit|too many requests", failure, re.IGNORECASE):
                    raise Refused(failure)
            elif answer.get("result") is not None:
                return answer["result"]
            else:
                failure = failure or "null"
        raise Unknown(f"the RPC does not answer {method}{json.dumps(params)[:200]}: {failure}")

    def ask(self, method: str, *params: Json) -> Json:
        try:
            return self.request(method, *params)
        except Refused as error:
            raise Unknown(f"the RPC refuses {method}{json.dumps(params)[:200]}: {error}") from error

    def block(self, number: int) -> tuple[int, str]:
        """Timestamp and hash."""
        if number not in self.blocks:
            block = self.ask("eth_getBlockByNumber", hex(number), False)
            self.blocks[number] = int(block["timestamp"], 16), block["hash"]
        return self.blocks[number]

    def code(self, address: str, block: int) -> bytes:
        return bytes.fromhex(self.ask("eth_getCode", address, hex(block))[2:])

    def call(self, to: str, block: int, signature: str, *arguments: int) -> list[int]:
        """Calls a view function of numbers; returns the words of its answer."""
        data = keccak256(signature.encode())[:4] + b"".join(argument.to_bytes(32, "big") for argument in arguments)
        try:
            answer = self.request("eth_call", {"to": to, "data": "0x" + data.hex()}, hex(block))
        except Refused as error:
            if "revert" in str(error).lower():
                raise Wrong(f"{signature} of {to} reverts at block {block}: {error}") from error
            message = f"the RPC refuses {signature} at block {block} (does it keep historical state?): {error}"
            raise Unknown(message) from error
        words = bytes.fromhex(answer[2:])
        if not words or len(words) % 32:
            raise Wrong(f"{signature} of {to} gives nothing at block {block}: another contract?")
        return [int.from_bytes(words[i : i + 32], "big") for i in range(0, len(words), 32)]

    def address(self, to: str, block: int, signature: str) -> str:
        return f"0x{self.call(to, block, signature)[0]:040x}"

    def logs(self, address: str, topics: list[str], first: int, last: int) -> list[Json]:
        found, span = [], 100_000
        while first <= last:
            to = min(first + span - 1, last)
            query = {"address": address, "topics": topics, "fromBlock": hex(first), "toBlock": hex(to)}
            try:
                found += self.request("eth_getLogs", query)
            except Refused as error:
                span = (to - first + 1) // 2
                if span == 0:
                    raise Unknown(f"the RPC refuses the logs of block {first}: {error}") from error
                continue
            first = to + 1
        return found


def first_where(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first block from `low` to `high` where it holds; it does at `high`, and after a block where it does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def opg(wei: int) -> str:
    return f"{'-' * (wei < 0)}{abs(wei) // 10**18}.{abs(wei) % 10**18:018d}"


class Check:
    """A book against a chain. What is not right is in `problems`."""

    def __init__(self, book: Book, rpc: Rpc, lens: str) -> None:
        self.book, self.rpc, self.lens = book, rpc, lens
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.head = int(rpc.ask("eth_blockNumber"), 16)
        self.head_time, self.head_hash = rpc.block(self.head)

    def run(self, until: Optional[int]) -> dict[str, Json]:
        try:
            return self._run(until)
        finally:
            del self.rpc.blocks[self.head]
            if self.rpc.block(self.head)[1] != self.head_hash:
                raise Unknown("the chain was reorganised, run again")

    def _run(self, until: Optional[int]) -> dict[str, Json]:
        rpc, head, book = self.rpc, self.head, self.book
        vault = rpc.address(self.lens, head, "vault()")
        address = rpc.address(self.lens, head, "book()")
        token = rpc.address(vault, head, "token()")
        matches = self._same_file(rpc.code(address, head), address)
        self._equal("book of the vault", rpc.address(vault, head, "book()"), address)
        self._equal("totalWei of the vault", rpc.call(vault, head, "totalWei()")[0], book.total_wei)
        self._equal("isSealed of the vault", rpc.call(vault, head, "isSealed()")[0], 1)
        for i, grant in enumerate(book.grants):
            if grant.beneficiary in (vault, token):
                self.problems.append(f"grant {i} pays the {'vault' if grant.beneficiary == vault else 'token'}")
        rows = book.unlocks(self.head_time if until is None else until)
        block = 0
        for row in rows:
            block = self._unlock(row, block)
        come = [row for row in rows if row["block"] is not None]
        return {
            "bookHashMatches": matches,
            "tableHashMatches": self._same_table(),
            "maxDifferenceWei": str(max((int(row["differenceWei"]) for row in rows), default=0)),
            "unlocks": rows,
            "maxLatenessSeconds": max((row["latenessSeconds"] for row in come), default=0),
            **self._money(vault, token),
            "lens": self.lens,
            "vault": vault,
            "book": address,
            "token": token,
            "head": {"block": head, "hash": self.head_hash, "unix": self.head_time},
        }

    def _equal(self, what: str, shown: object, expected: object) -> None:
        if shown != expected:
            self.problems.append(f"{what} is {shown}, not {expected}")

    def _same_file(self, code: bytes, address: str) -> bool:
        file = self.book.file
        if code == file and keccak256(code) == self.book.hash:
            return True
        differing = (i for i, (a, b) in enumerate(zip(code, file)) if a != b)
        offset = next(differing, min(len(code), len(file)))
        where = record_at(offset, self.book.count)
        lengths = "" if len(code) == len(file) else f"; the code has {len(code)} bytes, the file {len(file)}"
        self.problems.append(f"the code of {address} differs from the file, first at byte {offset} ({where}){lengths}")
        return False

    def _same_table(self) -> Optional[bool]:
        try:
            shown = self.rpc.call(self.lens, self.head, "tableHash()")[0]
        except Unknown as error:
            self.notes.append(f"the lens's table hash was not compared: {error}")
            return None
        self._equal("tableHash of the lens", f"0x{shown:064x}", "0x" + self.book.table_hash().hex())
        return shown == int.from_bytes(self.book.table_hash(), "big")

    def _unlock(self, row: dict[str, Json], low: int) -> int:
        """Fills a row in; returns the first block that has the unlock, the head where none has."""
        unix = row["unix"]
        around = [self._asked(time_) for time_ in (unix - 1, unix, unix + 1)]
        shown = around[1][1] - around[0][1]
        deviations = [abs(shown - int(row["saidWei"]))] + [abs(wei - self.book.unlocked(at)) for at, wei in around]
        block, seen = self.head, range(0)
        if unix <= self.head_time:
            block = first_where(low, self.head, lambda number: self.rpc.block(number)[0] >= unix)
            seen = range(max(block - 1, 0), block + 1)
            row.update(block=block, latenessSeconds=self.rpc.block(block)[0] - unix)
        for number in seen:
            timestamp = self.rpc.block(number)[0]
            if not self.rpc.code(self.lens, number):
                self.notes.append(f"{row['at']}: the lens was not there yet at block {number}")
                continue
            at, wei = self.rpc.call(self.lens, number, "unlockedNow()")
            self._equal(f"{row['at']}: the timestamp that the lens sees at block {number}", at, timestamp)
            deviations.append(abs(wei - self.book.unlocked(timestamp)))
        if max(deviations):
            self.problems.append(f"{row['at']}: the chain differs by {max(deviations)} wei around block {block}")
        row.update(shownWei=str(shown), differenceWei=str(max(deviations)))
        return block

    def _asked(self, unix: int) -> tuple[int, int]:
        return unix, self.rpc.call(self.lens, self.head, "unlockedAt(uint256)", unix)[0]

    def _money(self, vault: str, token: str) -> dict[str, Json]:
        """What was paid, told three ways, and whether the rest is there."""
        rpc, head = self.rpc, self.head
        count = rpc.call(vault, head, "grantCount()")[0]
        self._equal("grantCount of the vault", count, len(self.book.grants))
        paid = [rpc.call(vault, head, "states(uint256)", i)[0] for i in range(count)]
        for i, (grant, wei) in enumerate(zip(self.book.grants, paid)):
            if wei > self.book.vested(grant, self.head_time):
                self.problems.append(f"grant {i} was paid {wei} wei, above what is vested")
        since = first_where(0, head, lambda number: rpc.code(vault, number) != b"")
        transfer, claimed = (
            "0x" + keccak256(event).hex()
            for event in (b"Transfer(address,address,uint256)", b"Claimed(uint256,address,uint256,uint256)")
        )
        sent = sum(int(log["data"], 16) for log in rpc.logs(token, [transfer, "0x" + vault[2:].zfill(64)], since, head))
        claims = [0] * count
        for log in rpc.logs(vault, [claimed], since, head):
            claims[int(log["topics"][1], 16)] += int(log["data"][2:66], 16)
        for i, wei in enumerate(paid):
            self._equal(f"grant {i}: wei paid by its state", wei, claims[i])
        self._equal("wei sent by Transfer events", sent, sum(paid))
        self._equal("wei paid by Claimed events", sum(claims), sum(paid))
        balance = rpc.call(token, head, "balanceOf(address)", int(vault, 16))[0]
        owed = self.book.total_wei - sum(paid)
        if balance < owed:
            self.problems.append(f"the vault holds {balance} wei and owes {owed}")
        return {"paidWei": str(sum(paid)), "sentWei": str(sent), "claimedWei": str(sum(claims)), "balanceWei": str(balance)}


# THE COMMAND


def self_test() -> None:
    """Raises where keccak-256 or the calendar is wrong."""
    vectors = [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"Transfer(address,address,uint256)", "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
        (b"a" * 135, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"),
        (b"a" * 136, "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e"),
        (b"a" * 137, "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39"),
        (b"a" * 1000, "b6a4ac1f51884d71f30fa397a5e155de3099e11fc0edef5d08b646e621e19de9"),
    ]
    for data, expected in vectors:
        if keccak256(data).hex() != expected:
            raise Wrong(f"keccak-256 of {data[:33]!r} ({len(data)} bytes)")
    moments = [
        (24_315, 21, 2, "2026-06-21T00:00:00Z"),
        (24_315, 31, 10, "2027-02-28T00:00:00Z"),
        (24_315, 31, 22, "2028-02-29T00:00:00Z"),
        (24_315, 30, 886, "2100-02-28T00:00:00Z"),
        (23_640, 1, 0, "1970-01-01T00:00:00Z"),
        (65_535, 31, 65_535, "10922-07-31T00:00:00Z"),
    ]
    for start_month, day, k, expected in moments:
        if iso(anchor(start_month, day, k)) != expected:
            raise Wrong(f"{k} months after month {start_month}, day {day}: {iso(anchor(start_month, day, k))}")
    if anchor(24_315, 21, 2) != 1_782_000_000 or unix_of("2026-06-21T00:00:00Z") != 1_782_000_000:
        raise Wrong("2026-06-21T00:00:00Z is not 1782000000")


def line(row: dict[str, Json]) -> str:
    start = f"{row['at']} ({row['unix']})"
    if row["shownWei"] is None:
        return f"{start}  schedule says {opg(int(row['saidWei']))} OPG; {opg(int(row['cumulativeWei']))} so far"
    lateness = "no block yet" if row["block"] is None else f"first block +{row['latenessSeconds']} s"
    return (
        f"{start}  schedule said {opg(int(row['saidWei']))} OPG; chain shows {opg(int(row['shownWei']))}; "
        f"difference {row['differenceWei']} wei; {lateness}"
    )


def summary(book: Book, report: dict[str, Json], notes: list[str]) -> list[str]:
    lines = [
        "",
        f"book   {report['bookHash']}, {len(book.file)} bytes, {book.count} schedules, {len(book.grants)} grants",
        f"table  {report['tableHash']}, {len(book.anchors)} months",
        f"total  {opg(book.total_wei)} OPG",
    ]
    if "head" in report:
        lines += [
            f"head   block {report['head']['block']} of {iso(report['head']['unix'])}, {report['head']['hash']}",
            f"chain  {len(report['unlocks'])} of {len(book.unlocks(None))} unlocks compared; greatest difference "
            f"{report['maxDifferenceWei']} wei; latest first block +{report['maxLatenessSeconds']} s",
            f"money  {opg(int(report['paidWei']))} OPG paid of {opg(book.unlocked(report['head']['unix']))} unlocked; "
            f"the vault holds {opg(int(report['balanceWei']))}",
        ]
    return lines + [f"note   {note}" for note in notes] + ["all is right" if report["ok"] else "NOT RIGHT"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("book", nargs="?", type=Path, help="the published file")
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC of the chain, http or https")
    parser.add_argument("--lens", metavar="ADDRESS", help="ScheduleLens of the vault")
    parser.add_argument("--until", metavar="TIME", type=unix_of, help="ISO 8601; only unlocks up to it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--self-test", action="store_true", help="check keccak-256 and the calendar, and end")
    args = parser.parse_args()
    if not args.self_test and args.book is None:
        parser.error("the book's file is needed")
    if (args.rpc is None) != (args.lens is None):
        parser.error("--rpc and --lens go together")
    if args.rpc is not None and not re.match("https?://", args.rpc):
        parser.error("--rpc is an http or https URL")
    if args.lens is not None and not re.fullmatch("0x[0-9a-fA-F]{40}", args.lens):
        parser.error("--lens is 0x and 40 hexadecimal digits")
    return args


def check(args: argparse.Namespace) -> int:
    book = Book(args.book.read_bytes())
    report: dict[str, Json] = {"ok": True, "bookHash": "0x" + book.hash.hex(), "bookHashMatches": None}
    report.update(tableHash="0x" + book.table_hash().hex(), totalWei=str(book.total_wei), maxDifferenceWei=None)
    problems: list[str] = []
    notes: list[str] = []
    if args.rpc is None:
        report["unlocks"] = book.unlocks(args.until)
    else:
        chain = Check(book, Rpc(args.rpc), args.lens.lower())
        problems, notes = chain.problems, chain.notes
        report.update(chain.run(args.until), ok=not problems)
    if args.json:
        print(json.dumps({**report, "problems": problems, "notes": notes}, indent=2))
    else:
        print("\n".join([line(row) for row in report["unlocks"]] + summary(book, report, notes)))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def main() -> int:
    args = arguments()
    try:
        if args.self_test:
            self_test()
            print("all is right")
            return 0
        return check(args)
    except (Wrong, Unknown, OSError) as error:
        if args.json:
            print(json.dumps({"ok": False, "problems": [str(error)]}, indent=2))
        print(error, file=sys.stderr)
        return EX_TEMPFAIL if isinstance(error, Unknown) else 1


if __name__ == "__main__":
    sys.exit(main())
