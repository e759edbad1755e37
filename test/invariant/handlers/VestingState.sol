// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IVestVault} from "../../../contracts/vesting/IVestVault.sol";
import {IScheduleLens, ITokenLaunch, Part} from "../../helpers/interfaces.sol";
import {VM} from "../../helpers/Vm.sol";

/// @notice What is known of a grant from what was done.
struct GrantBook {
    uint256 terms; // position in `terms`
    uint256 totalWei;
    address beneficiary;
    address offeredTo;
    bool revoked;
    bool handedOver;
    uint256 kept; // tranches
    uint256 ownWei; // paid to beneficiaries
    uint256 restWei; // paid to the remainder address
}

struct Terms {
    uint256 first;
    uint256 tranches;
    uint256 notice;
    address revoker;
    address remainderTo;
}

/// @title VestingState
/// @notice A launch with grants of all kinds, anchored on the 31st, and a second set of books that follows from what was
/// done. The calendar is a plain one: days counted month by month.
abstract contract VestingState {
    uint256 internal constant ACTORS = 10; // the last two of them begin with nothing
    uint256 internal constant MONTHS = 40;
    uint256 internal constant START_MONTH = 2027 * 12 + 11; // December 2027: the fourth anchor is a leap day
    address internal constant KEEPER = address(0xe1);
    address internal constant DONOR = address(0xe2);

    IERC20 internal immutable opg;
    IVestVault internal immutable vault;
    IScheduleLens internal immutable lens;
    uint256 internal immutable totalWei;
    bytes32 internal immutable tableHash;

    /// @dev The time, in seconds. `block.timestamp` is no use here: the compiler takes it for constant within a call.
    uint256 internal clock;
    uint256[] internal anchors;
    Terms[] internal terms;
    GrantBook[] internal grants;

    uint256 internal donatedWei;
    mapping(address account => uint256) internal received;
    mapping(bytes32 action => uint256) internal succeeded;
    uint256 internal calls;

    /// @notice Thrown when a call that must be refused went through, or was refused for another reason.
    error WrongOutcome(bool ok, bytes4 expected, bytes reason);

    constructor() {
        _makeAnchors();
        clock = anchors[0] - 20 days;
        VM.warp(clock);
        _makeBook();
        uint256 sumWei;
        for (uint256 i; i < grants.length; ++i) sumWei += grants[i].totalWei;
        totalWei = sumWei;

        ITokenLaunch launch = ITokenLaunch(_create("TokenLaunch", ""));
        Part[] memory liquid = new Part[](1);
        liquid[0] = Part(DONOR, 1e27 - sumWei);
        launch.launch(_file(), sumWei, liquid);
        opg = IERC20(launch.opg());
        vault = IVestVault(launch.vault());
        lens = IScheduleLens(_create("ScheduleLens", abi.encode(launch.vault())));
        tableHash = lens.tableHash();
    }

    /* THE BOOK */

    function _makeAnchors() private {
        uint8[12] memory lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        uint256 timestamp; // the first of January 1970
        for (uint256 month = 1970 * 12; month < START_MONTH + MONTHS; ++month) {
            uint256 year = month / 12;
            bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            uint256 length = lengths[month % 12] + (leap && month % 12 == 1 ? 1 : 0);
            if (month >= START_MONTH) anchors.push(timestamp + (length - 1) * 1 days);
            timestamp += length * 1 days;
        }
    }

    function _makeBook() private {
        terms.push(Terms(3, 7, 2, address(0xd1), address(0xf1)));
        terms.push(Terms(0, 1, 0, address(0), address(0)));
        terms.push(Terms(1, 24, 0, address(0), address(0)));
        terms.push(Terms(2, 13, 0, address(0xd2), address(0xf2)));
        terms.push(Terms(6, 11, 4, address(0xd1), _actor(0))); // what is revoked of others is a beneficiary's
        uint80[11] memory amounts = [1, 5, 6, 7, 100e18 + 1, 3, 999_999, 1e23 + 11, 1e24 - 1, 13, 77e18];
        for (uint256 i; i < amounts.length; ++i) {
            GrantBook storage grant = grants.push();
            grant.terms = i % terms.length;
            grant.totalWei = amounts[i];
            grant.beneficiary = _actor(i % (ACTORS - 2));
        }
    }

    function _file() private view returns (bytes memory file) {
        file = hex"00";
        for (uint256 i; i < terms.length; ++i) {
            Terms memory t = terms[i];
            file = bytes.concat(
                file,
                abi.encodePacked(
                    bytes3(0),
                    t.revoker,
                    uint16(START_MONTH),
                    uint8(31),
                    uint8(1),
                    uint16(t.first),
                    uint8(t.tranches),
                    uint8(t.notice),
                    uint8(terms.length - 1 - i)
                ),
                abi.encode(t.remainderTo, bytes32("category"))
            );
        }
        for (uint256 i; i < grants.length; ++i) {
            GrantBook storage grant = grants[i];
            uint256 word = (uint256(uint160(grant.beneficiary)) << 96) | (grant.terms << 90) | grant.totalWei;
            file = bytes.concat(file, bytes32(word));
        }
    }

    /* HELP */

    function _actor(uint256 i) internal pure returns (address) {
        return address(uint160(0xa00 + i));
    }

    /// @dev Tranches of a grant that are due by the plain calendar.
    function _due(uint256 id) internal view returns (uint256 due) {
        Terms memory t = terms[grants[id].terms];
        while (due < t.tranches && anchors[t.first + due] <= clock) ++due;
    }

    function _vested(uint256 id) internal view returns (uint256) {
        return (grants[id].totalWei * _due(id)) / terms[grants[id].terms].tranches;
    }

    function _paid(uint256 id) internal view returns (uint256) {
        return grants[id].ownWei + grants[id].restWei;
    }

    /// @dev A number below `limit`, which is not 0.
    function _draw(uint256 seed, bytes32 what, uint256 limit) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what))) % limit;
    }

    /// @dev Calls, passes an error on.
    function _mustSucceed(address by, bytes memory data) internal returns (bytes memory result) {
        bool ok;
        VM.prank(by);
        (ok, result) = address(vault).call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    /// @dev Calls, expects a certain error.
    function _mustRevert(address by, bytes memory data, bytes4 expected) internal {
        VM.prank(by);
        (bool ok, bytes memory reason) = address(vault).call(data);
        if (ok || bytes4(reason) != expected) revert WrongOutcome(ok, expected, reason);
    }

    function _create(string memory name, bytes memory arguments) private returns (address created) {
        bytes memory code = bytes.concat(VM.getCode(name), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), name);
    }
}
