"""A small SAM 3 of the real Hugging Face classes, for tests; train_sam3.py trains it.

Random weights would do for a test of each graph, but not of a video: rounding is
enough to make two runs of the same network part within ten frames.
"""

import json
import pathlib

import torch
from transformers import Sam3VideoConfig, Sam3VideoModel

SIDE = 112  # S
WIDTH = 128  # C; with D = 64 a pointer is two tokens
GRID, LOW = 8, 32  # G, L
QUERIES = 8
TOKENIZER = pathlib.Path(__file__).parent.parent / "builtin" / "sam3"
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")


def config():
    """Returns the smallest configuration that leaves no part of the real one out."""
    vocab = len(json.loads((TOKENIZER / "vocab.json").read_text()))
    backbone = dict(
        model_type="sam3_vit_model", hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, image_size=SIDE, pretrain_image_size=SIDE, patch_size=14,
        window_size=4, global_attn_indexes=[1],
    )  # fmt: skip
    vision = dict(
        model_type="sam3_vision_model", backbone_config=backbone, fpn_hidden_size=WIDTH,
        scale_factors=[4.0, 2.0, 1.0, 0.5],
        backbone_feature_sizes=[[LOW, LOW], [2 * GRID, 2 * GRID], [GRID, GRID]],
    )  # fmt: skip
    layer = dict(hidden_size=WIDTH, num_layers=1, num_attention_heads=4, intermediate_size=WIDTH)
    text = dict(
        model_type="clip_text_model", vocab_size=vocab, hidden_size=32, intermediate_size=64,
        projection_dim=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32,
        hidden_act="gelu", bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1,
    )  # fmt: skip
    detector = dict(
        model_type="sam3", vision_config=vision, text_config=text, geometry_encoder_config=layer,
        detr_encoder_config=layer, detr_decoder_config=dict(layer, num_queries=QUERIES),
        mask_decoder_config=dict(hidden_size=WIDTH, num_upsampling_stages=3, num_attention_heads=4),
    )  # fmt: skip
    tracker = dict(
        model_type="sam3_tracker_video", vision_config=vision,
        prompt_encoder_config=dict(hidden_size=WIDTH, image_size=SIDE, patch_size=14),
        mask_decoder_config=dict(
            hidden_size=WIDTH, mlp_dim=WIDTH, num_attention_heads=4, iou_head_hidden_dim=WIDTH
        ),
        memory_attention_hidden_size=WIDTH, memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=WIDTH, memory_encoder_hidden_size=WIDTH,
        mask_downsampler_embed_dim=WIDTH, memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=WIDTH, memory_encoder_output_channels=64,
    )  # fmt: skip
    made = Sam3VideoConfig(
        detector_config=detector, tracker_config=tracker, low_res_mask_size=LOW
    )
    made.image_size = SIDE
    return made


EMBEDDINGS = (
    "no_memory_embedding", "no_memory_positional_encoding", "memory_temporal_positional_encoding",
    "no_object_pointer", "occlusion_spatial_embedding_parameter", "scale",
)  # fmt: skip


def randomise(model, seed=1):
    """Gives every parameter a random value of a size that passes signals on. Many are
    zero at first: a mistake that involves them would not be seen."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if bool((p == p.flatten()[0]).all()):
                p.add_(torch.randn(p.shape, generator=rng) * 0.05)
            if name.split(".")[-1] in EMBEDDINGS:
                p.copy_(torch.randn(p.shape, generator=rng) * 0.5)
            elif p.dim() >= 2:
                looked_up = any(w in name for w in ("embed", "token", "reference_points"))
                size = 0.5 if "position" in name else 1.0 if looked_up else p[0].numel() ** -0.5
                p.copy_(torch.randn(p.shape, generator=rng) * size)


def look_nearby(model, strength=20.0, frequencies=8):
    """Biases memory attention towards the place that it looks from, through the
    highest frequencies of its rotary encoding. Training alone does not find this in
    minutes: it settles on the union of all shapes."""
    with torch.no_grad():
        for layer in model.tracker_model.memory_attention.layers:
            attention = layer.cross_attn_image
            half = attention.internal_dim // 2
            chosen = [a + i for a in (0, half) for i in range(2 * frequencies)]
            size = (strength * attention.head_dim**0.5 / len(chosen)) ** 0.5
            for projection in (attention.q_proj, attention.k_proj):
                projection.bias.zero_()
                projection.bias[chosen] = size


def build(seed=0):
    """Returns the model with random weights."""
    torch.manual_seed(seed)
    model = Sam3VideoModel._from_config(config(), attn_implementation="eager").eval()
    randomise(model)
    look_nearby(model)
    last = model.detector_model.mask_decoder.mask_embedder.layers[-1]
    with torch.no_grad():  # masks of thousands of logits would take all training to calm down
        last.weight.mul_(1e-3)
        last.bias.mul_(1e-3)
    return model


def save(model, folder):
    """Writes a checkpoint as save_pretrained does, with the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        (folder / name).write_bytes((TOKENIZER / name).read_bytes())
