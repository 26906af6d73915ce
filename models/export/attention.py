"""Attention as one node of ONNX Runtime.

Written out in ONNX, attention keeps its matrix of scores: half a gigabyte for
each row of Stable Diffusion's UNet at 512 by 512. com.microsoft's
MultiHeadAttention, which the processor and the CUDA provider both have, never
does. The classes here make the exporter of torch write that node; run in torch
they compute the same with torch's own attention.
"""

import contextlib

import torch
from torch.nn.functional import scaled_dot_product_attention

NODE = "com.microsoft::MultiHeadAttention"


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(_ctx, heads, causal, query, key, value, *bias):
        def split(x):
            return x.unflatten(-1, (heads, -1)).transpose(1, 2)

        out = scaled_dot_product_attention(
            split(query), split(key), split(value), attn_mask=bias[0] if bias else None, is_causal=causal
        )
        return out.transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(g, heads, causal, query, key, value, *bias):
        inputs = [query, key, value]
        if bias:
            none = g.op("prim::Constant")
            none.setType(torch._C.OptionalType.ofTensor())
            inputs += [none, none, *bias]  # of the projections, of padded keys, of the scores
        attributes = {"num_heads_i": heads}
        if causal:
            attributes["unidirectional_i"] = 1
        out = g.op(NODE, *inputs, **attributes)
        out.setType(query.type())
        return out


def attend(query, key, value, heads, bias=None, causal=False):
    """Attention over heads; scores are divided by the root of a head's width.

    query is [batch, queries, width], key and value [batch, keys, width], bias
    is added to the scores and broadcasts to [batch, heads, queries, keys]. With
    causal no query sees a key after its own place. The result has query's shape.
    """
    return _Attend.apply(heads, causal, query, key, value, *([] if bias is None else [bias]))


class DiffusersProcessor:
    """Attention of diffusers' UNets and VAEs, without masks and LoRA."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, **_):
        if attention_mask is not None:
            raise ValueError("an attention mask in a UNet or VAE is not supported")
        residual, x = hidden_states, hidden_states
        if attn.spatial_norm is not None:
            x = attn.spatial_norm(x, temb)
        picture = x.ndim == 4
        if picture:
            x = x.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            x = attn.group_norm(x.transpose(1, 2)).transpose(1, 2)
        other = x
        if encoder_hidden_states is not None:
            other = encoder_hidden_states
            if attn.norm_cross:
                other = attn.norm_encoder_hidden_states(other)
        query, key, value = attn.to_q(x), attn.to_k(other), attn.to_v(other)
        if attn.norm_q is not None or attn.norm_k is not None:
            raise ValueError("an attention that normalises its heads is not supported")
        x = attn.to_out[1](attn.to_out[0](attend(query, key, value, attn.heads)))
        if picture:
            x = x.transpose(1, 2).reshape(residual.shape)
        if attn.residual_connection:
            x = x + residual
        return x / attn.rescale_output_factor


def clip_attention(module, query, key, value, attention_mask, is_causal=None, **_):
    """Attention of transformers' CLIP text encoder, in the form of its registry."""
    causal = module.is_causal if is_causal is None else is_causal
    if attention_mask is not None:
        raise ValueError("an attention mask in a text encoder is not supported")

    def join(x):  # [batch, heads, tokens, width of a head]
        return x.transpose(1, 2).flatten(2)

    # Not the shapes: while torch traces they are no plain numbers.
    heads = module.num_heads
    out = attend(join(query), join(key), join(value), heads, causal=causal)
    return out.unflatten(-1, (heads, -1)), None


@contextlib.contextmanager
def fused(model):
    """While it lasts, attention of a diffusers model is exported as one node."""
    before = model.attn_processors
    model.set_attn_processor(DiffusersProcessor())
    try:
        yield
    finally:
        model.set_attn_processor(before)


@contextlib.contextmanager
def fused_text(model):
    """The same for a text encoder of transformers."""
    from transformers import AttentionInterface

    AttentionInterface.register("uredit", clip_attention)
    configs = [m.config for m in model.modules() if hasattr(m, "config")]
    before = [c._attn_implementation for c in configs]
    for c in configs:
        c._attn_implementation = "uredit"
    try:
        yield
    finally:
        for c, old in zip(configs, before):
            c._attn_implementation = old
