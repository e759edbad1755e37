// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ITeeRegistry, TeeBinding} from "../../contracts/attestation/ITeeRegistry.sol";
import {ProtocolTimes} from "../../contracts/common/ProtocolTimes.sol";
import {EngineTuple} from "../../contracts/registry/EngineTuple.sol";
import {INodeRegistry, NodeClass, NodeParams} from "../../contracts/registry/INodeRegistry.sol";
import {IModelRegistry} from "../../contracts/registry/IModelRegistry.sol";
import {ICourt, SlashTable} from "../../contracts/settlement/ICourt.sol";
import {IReceiptVerifier} from "../../contracts/settlement/IReceiptVerifier.sol";
import {DataMode, Policy} from "../../contracts/settlement/SettlementTypes.sol";
import {TrustingTeeVerifier} from "../../contracts/mocks/TrustingTeeVerifier.sol";
import {Limits} from "../../contracts/staking/StakeTypes.sol";
import {ISettlementBooks, IStakeBooks, IToken} from "./interfaces.sol";
import {VM} from "./Vm.sol";

/// @dev As in TeeRegistry.sol.
struct GenesisMeasurement {
    address verifier;
    bytes32 measurementId;
    string note;
}

/// @title Protocol
/// @notice The contracts of the protocol, deployed and wired in the order of deploy/, with the times of a local chain. This
/// contract is deployer, guardian and owner of the whole supply.
abstract contract Protocol {
    /// @dev The public keys of the private keys 1, 2, 3, …: multiples of the generator of secp256k1.
    uint256 internal constant ENCLAVES = 4;

    address internal constant GOVERNANCE = address(0x600);
    address internal constant TREASURY = address(0x700);
    address internal constant RESERVE = address(0x800);

    uint16 internal constant OFFCHAIN = 1;
    uint16 internal constant CALLDATA = 2;
    uint64 internal constant BOND_NANO = 1e9;
    uint32 internal constant EPOCH = 300;
    uint256 internal constant ACTIVATION = 2_400;
    uint256 internal constant UNBONDING = 3_600;
    uint256 internal constant PERIOD = UNBONDING / 14;

    IToken internal immutable opg;
    INodeRegistry internal immutable nodes;
    ITeeRegistry internal immutable teeRegistry;
    IModelRegistry internal immutable models;
    IStakeBooks internal immutable hub;
    ISettlementBooks internal immutable settlement;
    ICourt internal immutable court;
    IReceiptVerifier internal immutable receipts;
    bytes32 internal immutable domain;

    constructor() {
        VM.warp(1_800_000_000);
        VM.roll(1_000);
        ProtocolTimes memory times = _times();

        uint256[2][] memory allocations = new uint256[2][](1);
        allocations[0] = [uint256(uint160(address(this))), 1e27];
        opg = IToken(_create("OPG", abi.encode(allocations)));
        nodes = INodeRegistry(_create("NodeRegistry", ""));

        TrustingTeeVerifier verifier = new TrustingTeeVerifier();
        GenesisMeasurement[] memory genesis = new GenesisMeasurement[](1);
        genesis[0] = GenesisMeasurement(address(verifier), verifier.MEASUREMENT(), "test");
        bytes memory arguments = abi.encode(nodes, times, uint32(365 days), GOVERNANCE, this, genesis);
        teeRegistry = ITeeRegistry(_create("TeeRegistry", arguments));
        Limits memory limits = Limits(100_000, 250_000, 8, 200_000);
        arguments = abi.encode(opg, nodes, times, EPOCH, limits, GOVERNANCE, this, RESERVE);
        hub = IStakeBooks(_create("StakeHub", arguments));

        uint64 ringSize = 512;
        arguments = abi.encode(opg, nodes, teeRegistry, hub, GOVERNANCE, this, TREASURY, ringSize, times, _policies());
        settlement = ISettlementBooks(_create("Settlement", arguments));
        SlashTable memory table = SlashTable({
            unprovenDebitPpm: 100_000,
            signerPpm: 100_000,
            sequencePpm: 100_000,
            unopenedPpm: 100_000,
            receiptPpm: 100_000,
            reporterPpm: 100_000
        });
        models = IModelRegistry(_create("ModelRegistry", ""));
        arguments = abi.encode(opg, settlement, hub, teeRegistry, models, times, table, BOND_NANO);
        court = ICourt(_create("Court", arguments));
        receipts = IReceiptVerifier(_create("ReceiptVerifier", abi.encode(settlement, teeRegistry)));
        settlement.setCourt(address(court));
        hub.setSlasher(address(court));
        domain = settlement.domainSeparator();
    }

    function _times() internal pure returns (ProtocolTimes memory) {
        return
            ProtocolTimes({
                claimHorizon: 600,
                answerTime: 300,
                longestDispute: 1_800,
                auditTimeout: 600,
                earningsDelay: 1_200,
                releaseDelay: 1_800,
                settleLag: 600,
                maxPause: 600,
                pauseInterval: 4_200,
                measurementDelay: 2_400,
                stakeActivation: uint32(ACTIVATION),
                unbonding: uint32(UNBONDING),
                parameterDelay: 4_200
            });
    }

    /// @dev The fee of the second does not divide a million, so that rounding is seen.
    function _policies() internal pure returns (Policy[] memory policies) {
        policies = new Policy[](2);
        policies[0] = Policy({
            feePpm: 50_000,
            workerPpm: 700_000,
            verifierPpm: 50_000,
            maxRoyaltyPpm: 100_000,
            quorum: 2,
            dataMode: DataMode.OFFCHAIN,
            windowMs: 50,
            retiredAt: 0,
            pausedUntil: 0
        });
        policies[1] = Policy({
            feePpm: 33_333,
            workerPpm: 700_000,
            verifierPpm: 50_000,
            maxRoyaltyPpm: 100_000,
            quorum: 1,
            dataMode: DataMode.CALLDATA,
            windowMs: 50,
            retiredAt: 0,
            pausedUntil: 0
        });
    }

    /// @dev An operator of `owner` with a verifier node, whose enclave has the private key `enclave`, from 1 to ENCLAVES.
    function _registerVerifier(address owner, uint256 enclave) internal returns (uint32 operator) {
        operator = nodes.operatorOwnedBy(owner);
        if (operator == 0) {
            VM.prank(owner);
            operator = nodes.registerOperator();
        }
        uint32 node = _registerNode(owner, operator, enclave + 1_000);
        bytes32 challenge = teeRegistry.challengeOf(operator, block.number - 1);
        bytes memory publicKey = _publicKey(enclave);
        TeeBinding memory binding;
        bytes32 reportData = teeRegistry.bindingOf(operator, node, challenge, publicKey, binding);
        bytes32 possession = keccak256(
            abi.encode(
                keccak256("KeyPossession(uint32 operator,uint32 node,bytes32 challenge)"),
                operator,
                node,
                challenge
            )
        );
        bytes memory signature = _sign(enclave, _separator("OPG TeeRegistry", address(teeRegistry)), possession);
        VM.prank(owner);
        teeRegistry.register(
            node,
            "TEST",
            publicKey,
            block.number - 1,
            binding,
            abi.encode(reportData, challenge),
            "",
            signature
        );
    }

    function _registerNode(address owner, uint32 operator, uint256 key) private returns (uint32 node) {
        bytes32 typeHash = keccak256("NodeKey(uint32 operator,uint8 class,address key)");
        bytes32 structHash = keccak256(abi.encode(typeHash, operator, NodeClass.VERIFIER, VM.addr(key)));
        bytes memory signature = _sign(key, _separator("OPG NodeRegistry", address(nodes)), structHash);
        NodeParams memory params = NodeParams({
            class: NodeClass.VERIFIER,
            key: VM.addr(key),
            payee: 1,
            endpoint: "",
            engines: new EngineTuple[](0)
        });
        VM.prank(owner);
        node = nodes.registerNode(params, signature);
    }

    function _sign(uint256 key, bytes32 separator, bytes32 structHash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, MessageHashUtils.toTypedDataHash(separator, structHash));
        return abi.encodePacked(r, s, v);
    }

    function _signCompact(uint256 key, bytes32 separator, bytes32 structHash) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = VM.signCompact(key, MessageHashUtils.toTypedDataHash(separator, structHash));
        return abi.encodePacked(r, vs);
    }

    function _separator(string memory name, address verifyingContract) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        );
        bytes32 version = keccak256("1");
        return keccak256(abi.encode(typeHash, keccak256(bytes(name)), version, block.chainid, verifyingContract));
    }

    function _publicKey(uint256 enclave) private pure returns (bytes memory) {
        uint256[2][ENCLAVES] memory points = [
            [
                0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,
                0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8
            ],
            [
                0xc6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5,
                0x1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a
            ],
            [
                0xf9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9,
                0x388f7b0f632de8140fe337e62a37f3566500a99934c2231b6cb9fd7584b8e672
            ],
            [
                0xe493dbf1c10d80f3581e4904930b1404cc6c13900ee0758474fa94abe8c4cd13,
                0x51ed993ea0d455b75642e2098ea51448d967ae33bfbdfe40cfe97bdc47739922
            ]
        ];
        return abi.encode(points[enclave - 1]);
    }

    function _create(string memory name, bytes memory arguments) private returns (address created) {
        bytes memory code = bytes.concat(VM.getCode(name), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), name);
    }
}
