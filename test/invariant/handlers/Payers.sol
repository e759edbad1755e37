// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WEI_PER_NANO} from "../../../contracts/common/Nano.sol";
import {ISettlement} from "../../../contracts/settlement/ISettlement.sol";
import {Release, Terms} from "../../../contracts/settlement/SettlementTypes.sol";
import {VM} from "../../helpers/Vm.sol";
import {Account, EconomyState} from "./EconomyState.sol";

/// @title Payers
/// @notice Payers come, add to what they have, and leave.
abstract contract Payers is EconomyState {
    bytes32 private constant PERMIT = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant RECEIVE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    /// @notice Opens a reservation: out of an allowance, a permit or an authorization.
    function reserve(uint256 seed) external {
        ++calls;
        if (accounts.length == MAX_ACCOUNTS) _topUp(seed);
        else _reserve(seed);
    }

    function topUp(uint256 seed) external {
        ++calls;
        if (accounts.length == 0) _reserve(seed);
        else _topUp(seed);
    }

    function requestRelease(uint256 seed) external {
        ++calls;
        if (accounts.length == 0) return _reserve(seed);
        Account memory account = accounts[_draw(seed, "account", accounts.length)];
        VM.prank(_payer(account.payer));
        settlement.requestRelease(
            account.settler,
            account.index,
            _termsOf(account),
            _drawAmount(seed, "amount", DEPOSIT_NANO)
        );
        ++succeeded["request release"];
    }

    /// @notice Pays the first release that is due, whoever asks; when none is, shows that one comes too early.
    function release(uint256 seed) external {
        ++calls;
        for (uint256 i; i < accounts.length; ++i) {
            Account memory account = accounts[i];
            Release memory pending = settlement.getRelease(account.settler, account.index);
            if (pending.dueAt == 0) continue;
            Terms memory terms = _termsOf(account);
            if (clock < pending.dueAt) {
                bytes memory data = abi.encodeCall(settlement.release, (account.settler, account.index, terms));
                _mustRevert(address(settlement), data, ISettlement.Settlement_ReleaseNotDue.selector);
                ++succeeded["refuse early release"];
                continue;
            }
            if (_draw(seed, "cancel", 8) == 0) {
                VM.prank(terms.payer);
                settlement.cancelRelease(account.settler, account.index, terms);
                ++succeeded["cancel release"];
                return;
            }
            uint256 before = opg.balanceOf(terms.payer);
            uint64 amountNano = settlement.release(account.settler, account.index, terms);
            require(opg.balanceOf(terms.payer) - before == amountNano * WEI_PER_NANO, "payer gets the release");
            accounts[i].released += amountNano;
            ++succeeded["release"];
            return;
        }
    }

    function _reserve(uint256 seed) private {
        Account memory account;
        account.settler = _draw(seed, "settler", 4) == 0 ? 2 : 1;
        account.payer = _draw(seed, "payer", PAYERS);
        account.policy = uint16(1 + _draw(seed, "policy", 2));
        account.deposited = _drawAmount(seed, "amount", DEPOSIT_NANO);
        Terms memory terms = _termsOf(account);
        if (_paused()) {
            bytes memory data = abi.encodeCall(
                settlement.reserve,
                (account.settler, terms.voucherKey, terms.policy, account.deposited)
            );
            _mustRevert(address(settlement), data, ISettlement.Settlement_Paused.selector);
            ++succeeded["refuse while paused"];
            return;
        }
        uint256 way = _draw(seed, "way", 3);
        if (way == 0) account.index = _reserveApproved(account, terms);
        else if (way == 1) account.index = _reserveWithPermit(account, terms);
        else account.index = _reserveWithAuthorization(account, terms, bytes32(calls));
        accounts.push(account);
        ++succeeded["reserve"];
    }

    function _topUp(uint256 seed) private {
        uint256 i = _draw(seed, "account", accounts.length);
        Account memory account = accounts[i];
        uint64 amountNano = _drawAmount(seed, "amount", DEPOSIT_NANO);
        if (_paused()) {
            bytes memory data = abi.encodeCall(settlement.topUp, (account.settler, account.index, amountNano));
            _mustRevert(address(settlement), data, ISettlement.Settlement_Paused.selector);
            ++succeeded["refuse while paused"];
            return;
        }
        VM.prank(_payer(_draw(seed, "who", PAYERS)));
        settlement.topUp(account.settler, account.index, amountNano);
        accounts[i].deposited += amountNano;
        ++succeeded["top up"];
    }

    function _reserveApproved(Account memory account, Terms memory terms) private returns (uint32) {
        VM.prank(terms.payer);
        return settlement.reserve(account.settler, terms.voucherKey, terms.policy, account.deposited);
    }

    function _reserveWithPermit(Account memory account, Terms memory terms) private returns (uint32 index) {
        uint256 amountWei = account.deposited * WEI_PER_NANO;
        bytes32 structHash = keccak256(
            abi.encode(PERMIT, terms.payer, settlement, amountWei, opg.nonces(terms.payer), clock)
        );
        (uint8 v, bytes32 r, bytes32 s) = _split(_signToken(account.payer, structHash));
        VM.prank(terms.payer);
        index = settlement.reserveWithPermit(
            account.settler,
            terms.voucherKey,
            terms.policy,
            account.deposited,
            clock,
            v,
            r,
            s
        );
        VM.prank(terms.payer);
        opg.approve(address(settlement), type(uint256).max);
    }

    function _reserveWithAuthorization(
        Account memory account,
        Terms memory terms,
        bytes32 salt
    ) private returns (uint32) {
        bytes32 nonce = settlement.authorizationNonce(
            account.settler,
            terms.voucherKey,
            terms.policy,
            account.deposited,
            salt
        );
        bytes32 structHash = keccak256(
            abi.encode(RECEIVE, terms.payer, settlement, account.deposited * WEI_PER_NANO, 0, clock + 1, nonce)
        );
        (uint8 v, bytes32 r, bytes32 s) = _split(_signToken(account.payer, structHash));
        return
            settlement.reserveWithAuthorization(
                terms.payer,
                account.settler,
                terms.voucherKey,
                terms.policy,
                account.deposited,
                0,
                clock + 1,
                salt,
                v,
                r,
                s
            );
    }

    function _signToken(uint256 payer, bytes32 structHash) private view returns (bytes memory) {
        return _sign(_payerKey(payer), opg.DOMAIN_SEPARATOR(), structHash);
    }

    function _split(bytes memory signature) private pure returns (uint8 v, bytes32 r, bytes32 s) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }
}
