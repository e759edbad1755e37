// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What an inference ran on. Re-execution is bit-exact only where all six agree.
struct EngineTuple {
    string engine; // "onnxruntime-node", "vllm", "sglang"
    string version; // the engine's own version, "1.30.0"
    bytes32 imageDigest; // sha256 of the container image, zero when there is none
    string dtype; // "int8", "float32", "bfloat16"
    string deviceClass; // "cpu", "nvidia-h100"
    string determinism; // the engine's determinism mode, "single-thread"
}

/// @title EngineTupleLib
/// @notice The id of an engine tuple is the hash of its six fields, so equal tuples have equal ids everywhere.
library EngineTupleLib {
    function id(EngineTuple memory tuple) internal pure returns (bytes32) {
        return keccak256(abi.encode(tuple));
    }
}
