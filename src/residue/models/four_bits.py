"""A model from its files straight into NF4: the whole of it is never in memory at once.

Weights are read one tensor at a time; a linear layer of the blocks is packed as soon as it is read
and all else keeps its format. So the peak is the packed model and one tensor, on the device and off
it, and the result is that of packing after loading, to the bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.models.blocks import describe
from residue.models.layouts import OWN
from residue.models.lean import replaced
from residue.models.loading import load_tokenizer, model_class, read_config
from residue.models.packing import Packed, hold, packed

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Places = dict[str, tuple[Any, str]]
"""Module and leaf of every tensor that a checkpoint may hold, by its name."""


def load_packed(
    folder: str | Path,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    layout: Mapping[str, Any] | None = None,
) -> tuple[Any, Any]:
    """Model in evaluation mode, linear layers of its blocks in NF4, and its tokenizer.

    dtype: of what is not packed and of every product; layout: where an architecture that residue
    does not know keeps its blocks. Raises `FileNotFoundError` or `ValueError`
    naming the file and the mend.
    """
    import torch

    path = Path(folder)
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"{path} holds no .safetensors weights; save the model there again")
    model = _shell(path, getattr(torch, dtype))
    if layout is not None:
        setattr(model.config, OWN, layout)
    layers = {
        id(module)
        for block in describe(model).blocks
        for module in block.modules()
        if isinstance(module, torch.nn.Linear)
    }
    if not layers:
        raise ValueError(
            f"the blocks of {type(model).__name__} in {path} hold no linear layers of torch, so "
            "nothing can be packed; set model.load.weights: full"
        )
    places, small, taken, unknown = _places(model), {}, set(), []
    own_name = _renaming(model, places, path)
    for key, tensor in _tensors(files):
        name = own_name(key)
        if name not in places:
            unknown.append(key)
            continue
        module, leaf = places[name]
        weight = module._parameters.get(leaf)
        old = module._buffers[leaf] if weight is None else weight
        if tensor.shape != old.shape:
            raise ValueError(
                f"{key} in {path} has shape {tuple(tensor.shape)}, but config.json asks for "
                f"{tuple(old.shape)}; take both from one model"
            )
        value = tensor.to(device=device, dtype=old.dtype, copy=True)
        taken.add(name)
        if weight is None:
            module._buffers[leaf] = value
        elif id(module) in layers and leaf == "weight":
            small[name] = packed(value, double=True)
        else:
            module._parameters[leaf] = torch.nn.Parameter(value, requires_grad=False)
    _require_all(model, taken, path)
    if unknown:
        logger.info("%d tensors of %s have no place in the model", len(unknown), path)
    for name, each in small.items():
        hold(places[name][0], each)
    _say(model, small)
    return model.to(device).eval(), load_tokenizer(path)


def _shell(path: Path, dtype: torch.dtype) -> Any:
    """The model with linear layers and embeddings of sizes without content, all else unfilled."""
    import torch

    found = model_class(read_config(path), path)
    from transformers import AutoConfig
    from transformers.initialization import no_init_weights

    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    build = getattr(found, "_from_config", None) or found.from_config
    with ExitStack() as stack:
        stack.enter_context(no_init_weights())
        for kind in (torch.nn.Linear, torch.nn.Embedding):
            stack.enter_context(_without_content(kind))
        return build(config, dtype=dtype)


@contextmanager
def _without_content(kind: Any) -> Iterator[None]:
    """Modules of a kind are made on torch's meta device, for a while."""
    usual = kind.__init__

    def made(self: Any, *args: Any, **options: Any) -> None:
        usual(self, *args, **{**options, "device": "meta"})

    with replaced(kind, "__init__", made):
        yield


def _places(model: Any) -> Places:
    return {
        f"{path}.{leaf}" if path else leaf: (module, leaf)
        for path, module in model.named_modules()
        for held in (module._parameters, module._buffers)
        for leaf, tensor in held.items()
        if tensor is not None and leaf not in module._non_persistent_buffers_set
    }


def _tensors(files: list[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the files by name; each file is opened anew for each, since what it has
    mapped of the last would stay resident."""
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt") as stored:
            names = sorted(stored.keys())
        for name in names:
            with safe_open(file, framework="pt") as stored:
                yield name, stored.get_tensor(name)


def _renaming(model: Any, places: Places, path: Path) -> Callable[[str], str]:
    """The model's name of a stored tensor, as transformers has it for checkpoints of other times or
    without the head; `ValueError` where one would have to be put together from several."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming, rename_source_key

    known = get_model_conversion_mapping(model)
    renamed = [each for each in known if isinstance(each, WeightRenaming)]
    changed = [each for each in known if not isinstance(each, WeightRenaming)]

    def own_name(key: str) -> str:
        name, change = rename_source_key(key, renamed, changed, model.base_model_prefix, places)
        if change is not None:
            raise ValueError(
                f"{key} in {path} is stored in another form than {type(model).__name__} keeps it, "
                "which cannot be read tensor by tensor; set model.load.weights: full"
            )
        return str(name)

    return own_name


def _require_all(model: Any, taken: set[str], path: Path) -> None:
    model.tie_weights()
    missing = [name for name, _ in model.named_parameters() if name not in taken]
    if missing:
        raise ValueError(
            f"the weights in {path} lack {len(missing)} tensors of {type(model).__name__} (first: "
            f"{missing[0]}); save the whole model, not an adapter or a part"
        )


def _say(model: Any, small: dict[str, Packed]) -> None:
    logger.info(
        "%d linear layers of %s are held in NF4: %.3f GiB",
        len(small),
        type(model).__name__,
        sum(each.bytes for each in small.values()) / 1024**3,
    )
