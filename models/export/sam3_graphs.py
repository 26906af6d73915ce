"""The graphs of sam3-video/1 as modules over a Hugging Face Sam3VideoModel.

Sizes: S the picture's side, G = S/14 the feature grid's, L = 4G the side of a
low-resolution mask, C the hidden width, D a memory's channels. K is the number of
queries, N of objects, M of memories and P of pointers; N, M and P stay open.

A mask is logits, above 0 inside. Pixels are normalised as sam3.json says.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.sam3.modeling_sam3 import box_cxcywh_to_xyxy, inverse_sigmoid
from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import get_1d_sine_pe

INSIDE, OUTSIDE = 10.0, -10.0  # logits of a mask that is 0 or 1
ABSENT = -1024.0  # logits of the mask of an object that is not there
PROMPT_MASK_THRESHOLD = 0.5  # a detector's logit from which a new object's mask holds


def enlarge(masks, side):
    """Stretches masks [N,1,h,w]. Hugging Face asks for antialiasing, which does
    nothing to a picture that grows and has no ONNX operator."""
    return F.interpolate(masks, size=(side, side), mode="bilinear", align_corners=False)


def sine_position(encoding, channels, grid, dtype):
    """Returns a module's sine position encoding [1,channels,G,G] as a constant."""
    with torch.no_grad():
        return encoding(torch.Size([1, channels, *grid]), "cpu", dtype).detach().clone()


class TextEncoder(nn.Module):
    """input_ids, attention_mask [1,T] -> text_features [1,T,C], text_mask [1,T]."""

    def __init__(self, model):
        super().__init__()
        self.detector = model.detector_model

    def forward(self, input_ids, attention_mask):
        text = self.detector.get_text_features(
            input_ids=input_ids, attention_mask=attention_mask, return_dict=True
        )
        return text.pooler_output, attention_mask > 0


class VisionEncoder(nn.Module):
    """pixel_values [1,3,S,S] -> the detector's features [1,C,L,L], [1,C,2G,2G],
    [1,C,G,G] and the tracker's [1,C/8,L,L], [1,C/4,2G,2G], [1,C,G,G]: one trunk, two
    necks."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.grids = model.tracker_model.backbone_feature_sizes

    def forward(self, pixel_values):
        seen = self.model.detector_model.get_vision_features(pixel_values=pixel_values)
        tracked, _ = self.model.get_vision_features_for_tracker(seen)
        batch = pixel_values.shape[0]
        tracked = [
            t.permute(1, 2, 0).reshape(batch, t.shape[-1], *grid)
            for t, grid in zip(tracked, self.grids)
        ]
        return (*seen.fpn_hidden_states[:3], *tracked)


class PlacedPatches(nn.Module):
    """The trunk's patch embeddings with the table of places that belongs to S. Traced
    where transformers tiles it, the graph is one that ONNX Runtime 1.24 optimises to
    something else: all features are off by a hundredth."""

    def __init__(self, embeddings, grid):
        super().__init__()
        self.patch_embeddings = embeddings.patch_embeddings
        with torch.no_grad():
            table = embeddings._tile_position_embeddings(embeddings.position_embeddings, *grid)
        self.register_buffer("table", table.detach().clone())

    def forward(self, pixel_values, **_):
        return self.patch_embeddings(pixel_values) + self.table


def place_patches(model):
    """Fixes the places of a model's patches, in place."""
    trunk = model.detector_model.vision_encoder.backbone
    if not isinstance(trunk.embeddings, PlacedPatches):
        grid = model.tracker_model.backbone_feature_sizes[2]
        trunk.embeddings = PlacedPatches(trunk.embeddings, grid)


class Detector(nn.Module):
    """det_fpn_0..2, text_features, text_mask -> scores [1,K], boxes [1,K,4] (left,
    top, right, bottom in 0..1), mask_logits [1,K,L,L].

    With keep, the best queries are chosen before their masks are made, which costs
    no accuracy: masks do not depend on each other. They stay in query order, since
    new objects are numbered in it."""

    def __init__(self, model, keep=0):
        super().__init__()
        self.detector = model.detector_model
        self.keep = keep
        config = model.config.detector_config
        position = sine_position(
            self.detector.vision_encoder.neck.position_encoding,
            config.vision_config.fpn_hidden_size,
            model.tracker_model.backbone_feature_sizes[2],
            next(model.parameters()).dtype,
        )
        self.register_buffer("position", position, persistent=False)

    def forward(self, det_fpn_0, det_fpn_1, det_fpn_2, text_features, text_mask):
        encoded, queries, scores, boxes = self.find(det_fpn_2, text_features, text_mask)
        if self.keep:
            best = scores.topk(self.keep, dim=1).indices.sort(dim=1).values
            scores = scores.gather(1, best)
            boxes = boxes.gather(1, best[..., None].expand(-1, -1, boxes.shape[-1]))
            queries = queries.gather(1, best[..., None].expand(-1, -1, queries.shape[-1]))
        masks = self.detector.mask_decoder(
            decoder_queries=queries,
            backbone_features=[det_fpn_0, det_fpn_1, det_fpn_2],
            encoder_hidden_states=encoded.last_hidden_state,
            prompt_features=text_features,
            prompt_mask=text_mask,
        ).pred_masks
        return scores, boxes, masks

    def find(self, features, text, text_mask):
        """Returns the encoded picture and of each query its state, score and box."""
        model = self.detector
        encoded = model.detr_encoder(
            vision_features=[features],
            text_features=text,
            vision_pos_embeds=[self.position.expand(features.shape[0], -1, -1, -1)],
            text_mask=text_mask,
        )
        decoded = model.detr_decoder(
            vision_features=encoded.last_hidden_state,
            text_features=encoded.text_features,
            vision_pos_encoding=encoded.pos_embeds_flattened,
            text_mask=text_mask,
            spatial_shapes=encoded.spatial_shapes,
        )
        states = decoded.intermediate_hidden_states[-1:]
        offsets = model.detr_decoder.box_head(states)
        boxes = (inverse_sigmoid(decoded.reference_boxes[-1:]) + offsets).sigmoid()
        logits = model.dot_product_scoring(
            decoder_hidden_states=states, text_features=encoded.text_features, text_mask=text_mask
        )
        scores = logits.squeeze(-1)[0].sigmoid() * decoded.presence_logits[-1].sigmoid()
        return encoded, states[0], scores, box_cxcywh_to_xyxy(boxes)[0]


class Frame(nn.Module):
    """VisionEncoder and Detector in one: the detector's features stay inside."""

    def __init__(self, model, keep=0):
        super().__init__()
        self.vision = VisionEncoder(model)
        self.detector = Detector(model, keep)

    def forward(self, pixel_values, text_features, text_mask):
        features = self.vision(pixel_values)
        found = self.detector(*features[:3], text_features, text_mask)
        return (*found, *features[3:])


class MaskHead(nn.Module):
    """The mask decoder without clicks or boxes."""

    def __init__(self, model):
        super().__init__()
        self.tracker = tracker = model.tracker_model
        dtype = next(tracker.parameters()).dtype
        with torch.no_grad():
            sparse, dense = tracker.prompt_encoder(
                input_points=torch.zeros(1, 1, 1, 2, dtype=dtype),
                input_labels=-torch.ones(1, 1, 1, dtype=torch.int32),
                input_boxes=None,
                input_masks=None,
            )
            position = tracker.get_image_wide_positional_embeddings()
        self.register_buffer("sparse", sparse.detach().clone(), persistent=False)
        self.register_buffer("dense", dense.detach().clone(), persistent=False)
        self.register_buffer("position", position.detach().clone(), persistent=False)

    def decode(self, high_0, high_1, features, dense=None):
        """Returns three masks [N,1,3,L,L], how good each is [N,1,3], their tokens
        [N,1,3,C] and the logit that the object is there [N,1,1]."""
        count = features.shape[0]
        if dense is None:
            dense = self.dense.expand(count, -1, -1, -1)
        return self.tracker.mask_decoder(
            image_embeddings=features,
            image_positional_embeddings=self.position.expand(count, -1, -1, -1),
            sparse_prompt_embeddings=self.sparse.expand(count, -1, -1, -1),
            dense_prompt_embeddings=dense,
            multimask_output=True,
            high_resolution_features=[high_0, high_1],
        )

    def forward(self, high_0, high_1, features, dense=None):
        """Returns the best mask [N,1,L,L], how good it is [N,1], the object's logit
        [N,1] and its pointer [N,C]."""
        masks, quality, tokens, logit = self.decode(high_0, high_1, features, dense)
        there = logit > 0
        masks = torch.where(there[:, None, None], masks, torch.full_like(masks, ABSENT))
        best = quality.argmax(-1, keepdim=True)
        side = masks.shape[-1]
        masks = masks.gather(2, best[..., None, None].expand(-1, -1, -1, side, side))[:, :, 0]
        token = tokens.gather(2, best[..., None].expand(-1, -1, -1, tokens.shape[-1]))[:, :, 0]
        pointer = self.point(token, there)
        return masks, quality.gather(2, best)[:, 0], logit[:, 0], pointer[:, 0]

    def point(self, token, there):
        """Returns the pointer of an object, or the one that stands for none."""
        pointer = self.tracker.object_pointer_proj(token)
        there = there.to(pointer.dtype)
        return there * pointer + (1 - there) * self.tracker.no_object_pointer


class Remember(nn.Module):
    """What TrackerInit and MemoryEncoder share: a mask and features -> a memory."""

    def __init__(self, model):
        super().__init__()
        self.tracker = tracker = model.tracker_model
        self.side = tracker.image_size
        self.low = tracker.prompt_encoder.mask_input_size[0]
        self.fine = 4 * self.low  # the memory encoder's own size, 16 G
        self.scale = tracker.config.sigmoid_scale_for_mem_enc
        self.bias = tracker.config.sigmoid_bias_for_mem_enc

    def encode(self, features, masks, logit):
        """features [1,C,G,G], masks [N,1,16G,16G] in 0..1, logit [N,1] ->
        [N,D,G,G], rounded to bfloat16 as Hugging Face keeps memories.

        The encoder's forward is not called: its position encoding, which is not
        wanted here, would fix N."""
        encoder = self.tracker.memory_encoder
        mask = encoder.mask_downsampler(masks * self.scale + self.bias)
        memory = encoder.projection(encoder.memory_fuser(encoder.feature_projection(features) + mask))
        hidden = 1 - (logit > 0).to(memory.dtype)
        occluded = self.tracker.occlusion_spatial_embedding_parameter
        memory = memory + hidden[..., None, None] * occluded[..., None, None]
        return memory.to(torch.bfloat16).to(memory.dtype)


class MemoryEncoder(Remember):
    """trk_feat [1,C,G,G], mask_logits [N,1,L,L], object_score [N,1], binarize bool [1]
    -> mem_feat [N,D,G,G].

    binarize is for frames on which a new object is added: the memories of all others
    are then made of hard masks, which pass through the picture's size."""

    def forward(self, trk_feat, mask_logits, object_score, binarize):
        soft = torch.sigmoid(enlarge(mask_logits, self.fine))
        hard = (enlarge(enlarge(mask_logits, self.side), self.fine) > 0).to(soft.dtype)
        return self.encode(trk_feat, torch.where(binarize, hard, soft), object_score)


class TrackerInit(Remember):
    """trk_feat [1,C,G,G], mask_logits [N,1,L,L] of the detector -> obj_ptr [N,C],
    mem_feat [N,D,G,G].

    The mask decoder runs for its token alone. Of the finer features it gets zeros:
    they reach masks only."""

    def __init__(self, model):
        super().__init__(model)
        self.head = MaskHead(model)

    def forward(self, trk_feat, mask_logits):
        masks = (mask_logits >= PROMPT_MASK_THRESHOLD).to(trk_feat.dtype)
        count, width, low = masks.shape[0], trk_feat.shape[1], self.low
        large = enlarge(masks, self.side)
        prompt = self.tracker.mask_downsample(large)
        dense = self.tracker.prompt_encoder.mask_embed(enlarge(prompt, low))
        pointer = self.head(
            trk_feat.new_zeros(1, width // 8, low, low).expand(count, -1, -1, -1),
            trk_feat.new_zeros(1, width // 4, low // 2, low // 2).expand(count, -1, -1, -1),
            trk_feat.expand(count, -1, -1, -1),
            dense,
        )[3]
        there = (masks.flatten(1) > 0).any(1, keepdim=True).to(trk_feat.dtype)
        pointer = there * pointer + (1 - there) * self.tracker.no_object_pointer
        span = INSIDE - OUTSIDE
        hard = (enlarge(large * span + OUTSIDE, self.fine) > 0).to(trk_feat.dtype)
        return pointer, self.encode(trk_feat, hard, there * span + OUTSIDE)


class TrackerBox(nn.Module):
    """trk_s0, trk_s1, trk_feat, box [N,4] (left, top, right, bottom in 0..1) ->
    mask_logits [N,1,L,L], object_score [N,1]: what lies in a box of a picture that no
    memory is about yet.

    A box is two points with labels of their own, and one mask is asked for: so does
    Sam3TrackerVideoProcessor."""

    def __init__(self, model):
        super().__init__()
        self.tracker = model.tracker_model

    def forward(self, trk_s0, trk_s1, trk_feat, box):
        count, tracker = box.shape[0], self.tracker
        memoryless = trk_feat + tracker.no_memory_embedding.reshape(1, -1, 1, 1)
        labels = torch.tensor([[[2, 3]]], dtype=torch.int32)  # the two corners
        out = tracker._single_frame_forward(
            input_points=box.reshape(-1, 1, 2, 2) * tracker.image_size,
            input_labels=labels.expand(count, -1, -1),
            image_embeddings=[x.expand(count, -1, -1, -1) for x in (trk_s0, trk_s1, memoryless)],
            multimask_output=False,
        )
        return out.pred_masks, out.object_score_logits[:, 0]


class RotaryTables(nn.Module):
    """Cosine and sine of the rotary position encoding as two stored tables. Traced
    where they are computed, they would be stored once per use."""

    def __init__(self, rotary, positions):
        super().__init__()
        with torch.no_grad():
            cos, sin = rotary(torch.zeros(1), positions)
        self.register_buffer("cos", cos.detach().clone())
        self.register_buffer("sin", sin.detach().clone())

    def forward(self, features, positions):
        return self.cos, self.sin


class TrackerStep(nn.Module):
    """trk_s0, trk_s1, trk_feat, mem_feat [M,D,G,G], mem_tpos [M], ptr [P,C],
    ptr_tdiff [P] -> mask_logits [1,1,L,L], iou [1,1], object_score [1,1],
    obj_ptr [1,C].

    mem_tpos is the row of the temporal encoding that a memory gets, ptr_tdiff a
    pointer's age as a part of the longest one."""

    def __init__(self, model):
        super().__init__()
        self.tracker = tracker = model.tracker_model
        self.head = MaskHead(model)
        attention = tracker.memory_attention
        if not isinstance(attention.rotary_emb, RotaryTables):
            attention.rotary_emb = RotaryTables(attention.rotary_emb, attention.position_ids)
        grid = tracker.backbone_feature_sizes[2]
        self.width, self.channels, self.grid = tracker.hidden_dim, tracker.mem_dim, grid
        dtype = next(model.parameters()).dtype
        seen = sine_position(model.tracker_neck.position_encoding, self.width, grid, dtype)
        kept = sine_position(tracker.memory_encoder.position_encoding, self.channels, grid, dtype)
        self.register_buffer("seen", seen.flatten(2).permute(2, 0, 1).clone(), persistent=False)
        self.register_buffer("kept", kept.flatten(2).permute(0, 2, 1).clone(), persistent=False)

    def forward(self, trk_s0, trk_s1, trk_feat, mem_feat, mem_tpos, ptr, ptr_tdiff):
        memory, position = self.tokens(mem_feat, mem_tpos, ptr, ptr_tdiff)
        pointers = ptr.reshape(-1, 1, self.channels).shape[0]
        return self.head(trk_s0, trk_s1, self.recall(trk_feat, memory, position, pointers))

    def tokens(self, mem_feat, mem_tpos, ptr, ptr_tdiff):
        """Returns what attention looks at, [T,1,D], and where it lies: G*G tokens of
        each memory, then C/D of each pointer."""
        tracker, channels = self.tracker, self.channels
        memory = mem_feat.flatten(2).permute(0, 2, 1).reshape(-1, 1, channels)
        when = tracker.memory_temporal_positional_encoding[:, 0, 0][mem_tpos]
        position = (self.kept + when[:, None]).reshape(-1, 1, channels)
        pointer = ptr.reshape(-1, 1, channels)
        age = get_1d_sine_pe(ptr_tdiff, self.width)
        age = tracker.temporal_positional_encoding_projection_layer(age)
        age = age[:, None].expand(-1, self.width // channels, -1).reshape(-1, 1, channels)
        return torch.cat([memory, pointer]), torch.cat([position, age])

    def recall(self, features, memory, position, pointers):
        """Returns features [B,C,G,G] after they looked at memory [T,B,D], whose last
        tokens, as many as pointers says, have no place in the picture."""
        batch = features.shape[0]
        recalled = self.tracker.memory_attention(
            current_vision_features=features.flatten(2).permute(2, 0, 1),
            current_vision_position_embeddings=self.seen,
            memory=memory,
            memory_posision_embeddings=position,
            num_object_pointer_tokens=pointers,
        )
        return recalled.squeeze(1).transpose(-1, -2).reshape(batch, self.width, *self.grid)
