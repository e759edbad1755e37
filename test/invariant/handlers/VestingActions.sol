// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IVestVault} from "../../../contracts/vesting/IVestVault.sol";
import {GrantId} from "../../../contracts/vesting/VestBook.sol";
import {VM} from "../../helpers/Vm.sol";
import {GrantBook, Terms, VestingState} from "./VestingState.sol";

/// @title VestingActions
/// @notice Everything that can be done with a vault. No action reverts: each does what is possible, or shows that the vault
/// refuses it for the right reason.
abstract contract VestingActions is VestingState {
    function claim(uint256 seed) external {
        ++calls;
        uint256 id = _draw(seed, "grant", grants.length);
        uint256 dueWei = _vested(id) - _paid(id);
        bytes memory data = abi.encodeCall(vault.claim, (GrantId.wrap(id)));
        if (dueWei == 0) {
            _mustRevert(KEEPER, data, IVestVault.VestVault_NothingDue.selector);
            ++succeeded["refuse nothing"];
            return;
        }
        require(abi.decode(_mustSucceed(_anybody(seed), data), (uint256)) == dueWei, "pays what is due");
        _book(id);
        ++succeeded["claim"];
    }

    /// @notice Some grants, some of them twice; sometimes one that is unknown.
    function claimMany(uint256 seed) external {
        ++calls;
        GrantId[] memory ids = new GrantId[](_draw(seed, "count", 12));
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = GrantId.wrap(_draw(seed, bytes32(i), grants.length));
        }
        if (ids.length != 0 && _draw(seed, "unknown", 8) == 0) {
            ids[_draw(seed, "where", ids.length)] = GrantId.wrap(grants.length + _draw(seed, "which", 2) * (1 << 200));
            bytes4 expected = IVestVault.VestVault_UnknownGrant.selector;
            _mustRevert(_anybody(seed), abi.encodeCall(vault.claimMany, (ids)), expected);
            ++succeeded["refuse unknown"];
            return;
        }
        bytes memory result = _mustSucceed(_anybody(seed), abi.encodeCall(vault.claimMany, (ids)));
        uint256 sumWei;
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = GrantId.unwrap(ids[i]);
            sumWei += _vested(id) - _paid(id);
            _book(id);
        }
        require(abi.decode(result, (uint256)) == sumWei, "pays what is due");
        ++succeeded[sumWei == 0 ? bytes32("claim many of nothing") : bytes32("claim many")];
    }

    /// @notice By the beneficiary, or by another, which is refused; to somebody, to itself, or to whom it would be lost with.
    function offer(uint256 seed) external {
        ++calls;
        uint256 id = _draw(seed, "grant", grants.length);
        GrantBook storage grant = grants[id];
        address to = _actor(_draw(seed, "to", ACTORS));
        if (_draw(seed, "by another", 4) == 0) {
            address other = _anybody(seed);
            if (other == grant.beneficiary) return;
            bytes4 expected = IVestVault.VestVault_NotBeneficiary.selector;
            _mustRevert(other, abi.encodeCall(vault.offerHandover, (GrantId.wrap(id), to)), expected);
            ++succeeded["refuse offer"];
            return;
        }
        if (_draw(seed, "lost", 6) == 0) {
            address[3] memory lost = [address(0), address(opg), address(vault)];
            _mustRevert(
                grant.beneficiary,
                abi.encodeCall(vault.offerHandover, (GrantId.wrap(id), lost[_draw(seed, "which", 3)])),
                IVestVault.VestVault_BadBeneficiary.selector
            );
            ++succeeded["refuse lost"];
            return;
        }
        _mustSucceed(grant.beneficiary, abi.encodeCall(vault.offerHandover, (GrantId.wrap(id), to)));
        grant.offeredTo = to == grant.beneficiary ? address(0) : to;
        ++succeeded["offer"];
    }

    function accept(uint256 seed) external {
        ++calls;
        uint256 id = _draw(seed, "grant", grants.length);
        // One that is offered, if there is one: most are not.
        for (uint256 i; i < grants.length && grants[id].offeredTo == address(0); ++i) id = (id + 1) % grants.length;
        GrantBook storage grant = grants[id];
        bytes memory data = abi.encodeCall(vault.acceptHandover, (GrantId.wrap(id)));
        address other = _anybody(seed);
        if (other != grant.offeredTo) {
            _mustRevert(other, data, IVestVault.VestVault_NotOffered.selector);
            ++succeeded["refuse acceptance"];
        }
        if (grant.offeredTo == address(0)) return;
        _mustSucceed(grant.offeredTo, data);
        (grant.beneficiary, grant.offeredTo, grant.handedOver) = (grant.offeredTo, address(0), true);
        ++succeeded["accept"];
    }

    /// @notice By the record's revoker, when it may and when it may not; and by others.
    function revoke(uint256 seed) external {
        ++calls;
        if (_draw(seed, "rarely", 2) != 0) return;
        uint256 id = _draw(seed, "grant", grants.length);
        GrantBook storage grant = grants[id];
        Terms memory t = terms[grant.terms];
        uint256 kept = _draw(seed, "kept", t.tranches + 2);
        bytes memory data = abi.encodeCall(vault.revoke, (GrantId.wrap(id), kept, bytes32("reason")));
        address by = t.revoker == address(0) || _draw(seed, "other", 5) == 0 ? _anybody(seed) : t.revoker;
        if (by != t.revoker) {
            _mustRevert(by, data, IVestVault.VestVault_NotRevoker.selector);
            ++succeeded["refuse revoker"];
        } else if (grant.revoked) {
            _mustRevert(by, data, IVestVault.VestVault_AlreadyRevoked.selector);
            ++succeeded["refuse second revocation"];
        } else if (kept < _due(id) + t.notice || kept >= t.tranches) {
            _mustRevert(by, data, IVestVault.VestVault_NotFuture.selector);
            ++succeeded["refuse revocation"];
        } else {
            _mustSucceed(by, data);
            (grant.revoked, grant.kept) = (true, kept);
            ++succeeded["revoke"];
        }
    }

    /// @notice Sends OPG to the vault; nobody ever gets it back.
    function donate(uint256 seed) external {
        ++calls;
        if (_draw(seed, "rarely", 4) != 0) return;
        uint256 amountWei = _draw(seed, "amount", 1e18);
        VM.prank(DONOR);
        opg.transfer(address(vault), amountWei);
        donatedWei += amountWei;
        _mustRevert(_anybody(seed), abi.encodeCall(vault.seal, ()), IVestVault.VestVault_AlreadySealed.selector);
        ++succeeded["donate"];
    }

    /// @notice Some days, or to the second before, at or after the next anchor, or over many.
    function warp(uint256 seed) external {
        ++calls;
        uint256 kind = _draw(seed, "kind", 8);
        uint256 next;
        while (next < MONTHS && anchors[next] <= clock) ++next;
        uint256 later = clock + _draw(seed, "seconds", 20 days);
        if (next < MONTHS && kind < 5) later = anchors[next] + (kind % 3) - 1;
        if (kind == 7 && _draw(seed, "far", 6) == 0) later = clock + _draw(seed, "gap", 200 days);
        if (later <= clock) later = clock + 1;
        clock = later;
        VM.warp(later);
        ++succeeded["warp"];
    }

    /// @dev A grant was claimed: the plain rule of who gets what.
    function _book(uint256 id) internal {
        GrantBook storage grant = grants[id];
        Terms memory t = terms[grant.terms];
        uint256 due = _due(id);
        uint256 ownDue = grant.revoked && due > grant.kept ? grant.kept : due;
        uint256 ownWei = (grant.totalWei * ownDue) / t.tranches;
        uint256 restWei = _vested(id) - ownWei;
        received[grant.beneficiary] += ownWei - grant.ownWei;
        received[t.remainderTo] += restWei - grant.restWei;
        (grant.ownWei, grant.restWei) = (ownWei, restWei);
    }

    function _anybody(uint256 seed) internal pure returns (address) {
        uint256 who = _draw(seed, "anybody", ACTORS + 2);
        return who < ACTORS ? _actor(who) : (who == ACTORS ? KEEPER : address(0xd2));
    }
}
