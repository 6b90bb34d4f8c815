"""What jobs of `rules/lens.smk` need: files, methods, slices."""


def arm_runs(wildcards):
    """(pair, seed) of an arm."""
    return [[pair, seed] for arm, pair, seed in PLAN.runs() if arm == wildcards.arm]


def deck_rows(wildcards):
    """Rows of an arm on the deck that the lenses read, run by run."""
    return [
        f"{OUT}/records/{wildcards.arm}/pair{pair}/seed{seed}/plain/{PLAN.lens_deck()}/rows.parquet"
        for pair, seed in arm_runs(wildcards)
    ]


def own_heads(wildcards):
    """The heads that an arm speaks with, run by run."""
    return [
        file
        for pair, seed in arm_runs(wildcards)
        for file in own_head(wildcards.arm, pair, seed)
    ]


def base_rows(wildcards):
    """Rows of the base of every pair on the deck that the lenses read."""
    return [
        f"{OUT}/records/base/pair{pair}/seed0/plain/{PLAN.lens_deck()}/rows.parquet"
        for pair in range(PLAN.config.pairs)
    ]


def base_heads(wildcards):
    """The base's head, run by run of an arm."""
    return [
        file for pair, _ in arm_runs(wildcards) for file in head_files(pair, "base")
    ]


def arm_selftests(wildcards):
    """No lens reads a model whose self-test failed."""
    return selftest_files(wildcards.arm)


def is_fitted(lens):
    return lens == LIVE or lens in methods.names(FITS)


def lens_tensors(wildcards):
    """What was fitted for a lens, pair by pair: on the oracle for the oracle, else on the base."""
    role, lens = role_of(wildcards.arm), wildcards.lens
    return [
        f"{OUT}/lens/pair{pair}/{role}/{lens}.safetensors"
        for pair in range(PLAN.config.pairs)
        if is_fitted(lens)
    ]


def lens_control(wildcards):
    """The fitted control that a lens must beat; most have none but the next-norm lens."""
    stem = f"{OUT}/lens/pair{wildcards.pair}/{wildcards.role}"
    names = [CONTROLS[name] for name in [wildcards.lens] if name in CONTROLS]
    return [f"{stem}/{name}.safetensors" for name in names]


def role_tensors(wildcards):
    """What was fitted for a lens on this very model; nothing where it needs no fit."""
    stem = f"{OUT}/lens/pair{wildcards.pair}/{wildcards.role}"
    return [f"{stem}/{wildcards.lens}.safetensors"] if is_fitted(wildcards.lens) else []


def judged_methods(wildcards):
    """A lens's decoder and that of its control."""
    lens = wildcards.lens
    return {(DECODERS, lens), (DECODERS, CONTROLS.get(lens, lens))}


LENS = f"{OUT}/lens/pair{{pair}}/{{role}}"
