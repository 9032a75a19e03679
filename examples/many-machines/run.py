"""Runs a program that `btc export --format stablehlo` has written, on one or many devices, with JAX and numpy alone.

    btc export model.ts --format stablehlo -o train.mlir --mesh batch=8
    XLA_FLAGS=--xla_force_host_platform_device_count=8 python run.py train.mlir --steps 100 -o trained.safetensors

train.json and train.safetensors are read beside train.mlir. Each run prints its scalar outputs as a line of JSON. Inputs come from
--inputs, a safetensors file with a tensor for each input, [batches, ...shape], which come again after the last; those that it has not
take their default, or are random. --check takes the file that `btc export --check` has written: it runs its inputs, compares all with what btc gave,
and ends with 1 where they differ. The file of -o holds what outlives runs, and loads into btc as a checkpoint does.

Written for JAX 0.4.36 to 0.11. Of JAX it takes `jit`, `sharding`, `jax.extend.core.Primitive` and `jax.interpreters.mlir`.
"""

import argparse
import json
import re
import struct
from pathlib import Path

import numpy as np

DTYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4")}


def read_safetensors(path):
    """The tensors of a file by name."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(body[begin:end], DTYPES[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """Writes f32 and i32 arrays by name."""
    header, parts, at = {}, [], 0
    for name, array in tensors.items():
        dtype = "I32" if array.dtype.kind == "i" else "F32"
        part = np.ascontiguousarray(array, DTYPES[dtype]).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [at, at + len(part)],
        }
        parts.append(part)
        at += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def inlined(text):
    """The functions of a module under names of their own, without shardings, which `jit` is told instead."""
    text = re.sub(r"^\s*sdy\.mesh .*$", "", text, flags=re.M)
    axes = r"\[(?:\{[^}]*\}(?:, )?)*\]"
    text = re.sub(r", sdy\.sharding = #sdy\.sharding<@\w+, " + axes + ">", "", text)
    text = text.replace("func.func public @main(", "func.func private @main(")
    return re.sub(r"(func\.func private |func\.call )@([\w$.]+)\(", r"\1@btc_\2(", text)


def step_function(text, results):
    """A function of arrays that JAX can trace, whose lowering is the given module."""
    import jax
    from jax.extend.core import Primitive
    from jax.interpreters import mlir
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import func

    source = inlined(text)
    primitive = Primitive("btc_program")
    primitive.multiple_results = True
    kinds = {"f32": np.float32, "i32": np.int32}

    @primitive.def_abstract_eval
    def _(*_):
        return [jax.core.ShapedArray(tuple(r["shape"]), np.dtype(kinds[r["dtype"]])) for r in results]

    def lower(ctx, *arguments):
        place = ir.InsertionPoint(ctx.module_context.module.body)
        parsed = ir.Module.parse(source, ctx.module_context.context)
        for operation in parsed.body.operations:
            operation.operation.clone(place)
        types = [mlir.aval_to_ir_type(aval) for aval in ctx.avals_out]
        return func.CallOp(types, ir.FlatSymbolRefAttr.get("btc_main"), list(arguments)).results

    mlir.register_lowering(primitive, lower)
    return lambda *arguments: tuple(primitive.bind(*arguments))


def starting_values(arguments, parameters):
    """What outlives runs, by argument; what the file has not starts at zero."""
    kinds = {"f32": np.float32, "i32": np.int32}
    return {
        a["name"]: parameters.get(a["name"], np.zeros(a["shape"], kinds[a["dtype"]]))
        for a in arguments
        if a["role"] != "input"
    }


def input_of(argument, given, step, random):
    """One input of a run."""
    name, shape = argument["name"], argument["shape"]
    if name in given:
        batches = given[name].reshape([-1, *shape])
        return batches[step % len(batches)]
    if argument["counter"]:
        return np.full(shape, step, np.int32)
    if argument["default"] is not None:
        kind = np.float32 if argument["dtype"] == "f32" else np.int32
        return np.full(shape, argument["default"], kind)
    if argument["dtype"] == "f32":
        return random.uniform(-1, 1, shape).astype(np.float32)
    return random.integers(0, 2, shape).astype(np.int32)


def differences(expected, given):
    """By name, the greatest difference over the greatest number of a tensor; infinite for what is not there."""
    found = {}
    for name, wanted in expected.items():
        value = given.get(name)
        if value is None or value.shape != wanted.shape:
            found[name] = np.inf
            continue
        scale = max(np.abs(wanted).max(initial=0), 1e-6)
        gap = np.abs(value.astype(np.float64) - wanted).max(initial=0)
        found[name] = gap / scale if np.isfinite(gap) else np.inf
    return found


def part_of(tensors, prefix):
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="a .mlir file of btc export")
    parser.add_argument("--steps", type=int, help="default: those of --check, else 10")
    parser.add_argument("--inputs", help="a .safetensors file: [batches, ...shape] by input")
    parser.add_argument("--check", help="a .check.safetensors file of btc export")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of --check: relative to a tensor's greatest number")
    parser.add_argument("--weights", help="a .safetensors file instead of the one beside the program")
    parser.add_argument("--devices", type=int, help="default: as the program's mesh says, else 1")
    parser.add_argument("--seed", type=int, default=1, help="of random inputs")
    parser.add_argument("-o", "--output", help="a .safetensors file for what outlives runs")
    options = parser.parse_args()

    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    base = re.sub(r"\.mlir$", "", options.program)
    manifest = json.loads(Path(base + ".json").read_text())
    arguments, results = manifest["arguments"], manifest["results"]
    kept = starting_values(arguments, read_safetensors(options.weights or base + ".safetensors"))
    given = read_safetensors(options.inputs) if options.inputs else {}
    check = read_safetensors(options.check) if options.check else {}
    given.update(part_of(check, "inputs/"))
    expected = part_of(check, "outputs/")
    steps = options.steps or (len(next(iter(expected.values()))) if expected else 10)
    made_of = {name: [] for name in expected}
    random = np.random.default_rng(options.seed)

    mesh = manifest["mesh"]
    count = options.devices or (mesh["size"] if mesh else 1)
    if len(jax.devices()) < count:
        parser.error(f"{count} devices are asked for, JAX sees {len(jax.devices())}")
    axis = mesh["axis"] if mesh else "batch"
    devices = Mesh(np.array(jax.devices()[:count]), (axis,))

    def sharding(argument):
        split = argument.get("split")
        spec = [axis if k == split and count > 1 else None for k in range(len(argument["shape"]))]
        return NamedSharding(devices, PartitionSpec(*spec))

    places = tuple(sharding(a) for a in arguments)
    whole = tuple(NamedSharding(devices, PartitionSpec()) for _ in results)
    run = jax.jit(
        step_function(Path(options.program).read_text(), results),
        in_shardings=places,
        out_shardings=whole,
    )
    for step in range(steps):
        values = [
            input_of(a, given, step, random) if a["role"] == "input" else kept[a["name"]]
            for a in arguments
        ]
        made = run(*(jax.device_put(v, p) for v, p in zip(values, places)))
        said = {"step": step}
        for result, value in zip(results, made):
            if result["role"] != "output":
                kept[result["name"]] = value
                continue
            if result["name"] in made_of:
                made_of[result["name"]].append(np.asarray(value))
            if value.shape == ():
                said[result["name"]] = value.item()
        print(json.dumps(said), flush=True)
    if options.output:
        write_safetensors(options.output, {name: np.asarray(v) for name, v in kept.items()})
    if check:
        made = {f"outputs/{name}": np.stack(values) for name, values in made_of.items()}
        made.update({f"after/{name}": np.asarray(value) for name, value in kept.items()})
        found = differences({k: v for k, v in check.items() if not k.startswith("inputs/")}, made)
        worst = max(found, key=found.get)
        apart = [name for name, gap in found.items() if gap > options.tolerance]
        print(json.dumps({"compared": len(found), "worst": worst, "difference": float(found[worst]), "apart": apart}))
        raise SystemExit(1 if apart else 0)


if __name__ == "__main__":
    main()
