"""What the graphs of sam3-video/1 take and give, and examples of it."""

import torch

import sam3_graphs

TEXT = 32  # tokens of a prompt, as Hugging Face's video processor pads it

# Sizes that stay open, by graph and name.
OPEN = {
    "tracker_init": {name: {0: "objects"} for name in ("mask_logits", "obj_ptr", "mem_feat")},
    "tracker_step": {
        "mem_feat": {0: "memories"}, "mem_tpos": {0: "memories"},
        "ptr": {0: "pointers"}, "ptr_tdiff": {0: "pointers"},
    },
    "tracker_box": {name: {0: "objects"} for name in ("box", "mask_logits", "object_score")},
    "memory_encoder": {name: {0: "objects"} for name in ("mask_logits", "object_score", "mem_feat")},
}  # fmt: skip

OUTPUTS = {
    "text_encoder": ["text_features", "text_mask"],
    "vision_encoder": ["det_fpn_0", "det_fpn_1", "det_fpn_2", "trk_s0", "trk_s1", "trk_feat"],
    "detector": ["scores", "boxes", "mask_logits"],
    "frame": ["scores", "boxes", "mask_logits", "trk_s0", "trk_s1", "trk_feat"],
    "tracker_init": ["obj_ptr", "mem_feat"],
    "tracker_step": ["mask_logits", "iou", "object_score", "obj_ptr"],
    "tracker_box": ["mask_logits", "object_score"],
    "memory_encoder": ["mem_feat"],
}


class Samples:
    """Inputs of each graph as the graphs before it make them: of noise the later
    ones would see values that they never meet. The first is traced: its open sizes
    must not be 1, which torch treats as a case of its own."""

    def __init__(self, model, seed=0):
        self.rng = torch.Generator().manual_seed(seed)
        self.tracker = model.tracker_model
        self.low = self.tracker.prompt_encoder.mask_input_size[0]
        text = model.config.detector_config.text_config
        self.prompts = [self.prompt(text, n) for n in (3, 6, TEXT)]
        side = self.tracker.image_size
        self.pictures = [{"pixel_values": self.noise(1, 3, side, side, smooth=s)} for s in (8, 2)]
        with torch.no_grad():
            encode = sam3_graphs.TextEncoder(model)
            self.texts = [dict(zip(OUTPUTS["text_encoder"], encode(*p.values()))) for p in self.prompts]
            seen = sam3_graphs.VisionEncoder(model)(*self.pictures[0].values())
            self.features = dict(zip(OUTPUTS["vision_encoder"], seen))
            begin = sam3_graphs.TrackerInit(model)
            self.pointers, self.memories = begin(self.features["trk_feat"], self.masks(4))

    def prompt(self, config, tokens):
        ids = torch.full((1, TEXT), config.eos_token_id)
        ids[:, : tokens - 1] = torch.randint(0, config.vocab_size - 2, (1, tokens - 1), generator=self.rng)
        ids[:, 0] = config.bos_token_id
        return {"input_ids": ids, "attention_mask": (torch.arange(TEXT) < tokens).long()[None]}

    def noise(self, *shape, smooth=1):
        coarse = [*shape[:-2], shape[-2] // smooth, shape[-1] // smooth]
        return sam3_graphs.enlarge(torch.randn(*coarse, generator=self.rng), shape[-1])

    def masks(self, count, empty=False):
        """Logits with blobs; with empty the first has none."""
        masks = 8 * self.noise(count, 1, self.low, self.low, smooth=4)
        if empty:
            masks[0] = -5
        return masks

    def of(self, name):
        return getattr(self, name)()

    def text_encoder(self):
        return self.prompts

    def vision_encoder(self):
        return self.pictures

    def detector(self):
        seen = {k: v for k, v in self.features.items() if k.startswith("det")}
        return [seen | text for text in self.texts]

    def frame(self):
        return [picture | text for picture, text in zip(self.pictures, self.texts)]

    def tracker_init(self):
        feature = {"trk_feat": self.features["trk_feat"]}
        return [feature | {"mask_logits": self.masks(n, empty=n == 3)} for n in (2, 1, 3, 5)]

    def tracker_box(self):
        tracked = {k: v for k, v in self.features.items() if k.startswith("trk")}
        corners = [torch.rand(n, 2, 2, generator=self.rng).sort(dim=1).values for n in (2, 1, 5)]
        return [tracked | {"box": c.reshape(-1, 4)} for c in corners]

    def tracker_step(self):
        tracked = {k: v for k, v in self.features.items() if k.startswith("trk")}
        counts = [(2, 3)] + [(1 + i % 10, 1 + i) for i in range(19)]
        return [tracked | self.bank(m, p) for m, p in counts]

    def bank(self, memories, pointers):
        rows = [i % len(self.memories) for i in range(memories)]
        places = torch.randint(0, self.tracker.num_maskmem, (memories,), generator=self.rng)
        kept = self.pointers[[i % len(self.pointers) for i in range(pointers)]]
        ages = torch.arange(1, pointers + 1) / (self.tracker.config.max_object_pointers_in_encoder - 1)
        return {"mem_feat": self.memories[rows], "mem_tpos": places, "ptr": kept, "ptr_tdiff": ages}

    def memory_encoder(self):
        cases = [(2, False), (1, True), (3, False), (5, True)]
        return [
            {
                "trk_feat": self.features["trk_feat"],
                "mask_logits": self.masks(n, empty=n == 3),
                "object_score": 10 * torch.randn(n, 1, generator=self.rng),
                "binarize": torch.tensor([hard]),
            }
            for n, hard in cases
        ]
