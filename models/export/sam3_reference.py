"""Hugging Face's video model as a reference: what depends on optional packages is
supplied, one mistake is put right, and what it decides is written down."""

import numpy
import torch
from transformers import Sam3VideoModel
from transformers.models.sam3_video import modeling_sam3_video as video

POINTERS = 15  # recent frames whose pointers can be looked at


class Kernels:
    """The two functions of the package of kernels that the model calls."""

    @staticmethod
    def generic_nms(ious, probs, threshold, use_iou_matrix=True):
        """Returns the detections that stay: best first, each unless it overlaps one
        that stays by more than threshold. Equal scores: the first one stays."""
        order = numpy.argsort(-probs.numpy(), kind="stable")
        kept = []
        for i in order:
            if all(not ious[i, j] > threshold for j in kept):
                kept.append(int(i))
        return torch.tensor(kept, dtype=torch.long)

    @staticmethod
    def cc_2d(masks, get_counts=True):
        """Returns each sample's component of eight neighbours and its area."""
        labels = torch.zeros(masks.shape, dtype=torch.int32)
        areas = torch.zeros(masks.shape, dtype=torch.int32)
        for n in range(masks.shape[0]):
            found, size = components(masks[n, 0].numpy().astype(bool))
            labels[n, 0], areas[n, 0] = torch.from_numpy(found), torch.from_numpy(size)
        return labels, areas


def components(mask):
    """Returns the number of each sample's component, 0 outside, and its area."""
    labels = numpy.zeros(mask.shape, numpy.int32)
    areas = numpy.zeros(mask.shape, numpy.int32)
    for start in zip(*numpy.nonzero(mask)):
        if labels[start]:
            continue
        label = labels.max() + 1
        labels[start] = label
        open_, found = [start], []
        while open_:
            y, x = open_.pop()
            found.append((y, x))
            for a in range(max(y - 1, 0), min(y + 2, mask.shape[0])):
                for b in range(max(x - 1, 0), min(x + 2, mask.shape[1])):
                    if mask[a, b] and not labels[a, b]:
                        labels[a, b] = label
                        open_.append((a, b))
        for at in found:
            areas[at] = len(found)
    return labels, areas


def run_lengths(mask):
    """Returns a mask as COCO run lengths: column-major, zeros first."""
    flat = numpy.concatenate([[0], mask.astype(numpy.int8).T.flatten(), [-1]])
    ends = numpy.nonzero(numpy.diff(flat))[0]
    return [int(n) for n in numpy.diff(numpy.concatenate([[0], ends]))]


def load(checkpoint, thresholds=None):
    """Returns the checkpoint's model as a Reference."""
    video.cv_utils_kernel = Kernels()
    model = Reference.from_pretrained(checkpoint, attn_implementation="eager", local_files_only=True)
    for name, value in (thresholds or {}).items():
        setattr(model, name, value)
    tracker = model.tracker_model
    gather, point = tracker._gather_memory_frame_outputs, tracker._get_object_pointers

    def gathered(session, index, frame, reverse=False):
        found = gather(session, index, frame, reverse)
        rows = tracker.num_maskmem
        model.step(frame, session.obj_idx_to_id(index))["places"] = sorted(
            (ago - 1) % rows for ago, kept in found if kept is not None
        )
        return found

    def pointed(session, index, frame, *args, **options):
        found = point(session, index, frame, *args, **options)
        model.step(frame, session.obj_idx_to_id(index))["ago"] = sorted(found[0])
        return found

    tracker._gather_memory_frame_outputs, tracker._get_object_pointers = gathered, pointed
    return model.eval()


class Reference(Sam3VideoModel):
    """Sam3VideoModel that writes down what it decides in seen, by frame. With given,
    detections come from there, as (score, mask) of each frame."""

    def __init__(self, config):
        super().__init__(config)
        self.given = None
        self.seen = {}
        self.steps = {}

    def forward(self, inference_session, frame_idx=None, **options):
        out = super().forward(inference_session, frame_idx=frame_idx, **options)
        self.seen[frame_idx]["hidden"] = sorted(out.suppressed_obj_ids)
        return out

    def step(self, frame, object_id):
        """Returns what is known of an object's step. Where an object is added the
        tracker runs twice over a frame: the same again."""
        return self.steps.setdefault((frame, object_id), {"id": object_id})

    def _det_track_one_frame(self, inference_session, frame_idx, reverse, streaming=False):
        self.frame = frame_idx
        self.seen[frame_idx] = {}
        self.followed = list(inference_session.obj_ids)
        return super()._det_track_one_frame(inference_session, frame_idx, reverse, streaming)

    def run_detection(self, inference_session, vision_embeds):
        """Runs the detector, or takes what is given through the same suppression."""
        if self.given is None:
            features = self.detector_model(
                vision_embeds=vision_embeds,
                text_embeds=self.text(inference_session),
                attention_mask=inference_session.prompt_attention_masks[0],
            )
            scores = (features.pred_logits.sigmoid() * features.presence_logits.sigmoid())[0]
            masks = features.pred_masks[0]
        else:
            found = self.given[self.frame]
            side = self.low_res_mask_size
            scores = torch.tensor([s for s, _ in found], dtype=torch.float32)
            masks = torch.from_numpy(numpy.array([m for _, m in found], numpy.float32).reshape(-1, side, side) * 16 - 8)
        valid = scores > self.score_threshold_detection
        kept = valid
        if self.det_nms_thresh > 0:
            kept = video.nms_masks(scores, masks, self.score_threshold_detection, self.det_nms_thresh)
        self.seen[self.frame]["detections"] = [
            {"query": q, "score": float(scores[q]), "kept": bool(kept[q]), "low": low(masks[q])}
            for q in range(len(scores))
            if valid[q] or self.given is not None
        ]
        if self.given is None:
            return super().run_detection(inference_session, vision_embeds)
        return {0: {"bbox": torch.zeros(int(kept.sum()), 4), "mask": masks[kept], "scores": scores[kept]}}

    def text(self, inference_session):
        return self.detector_model.get_text_features(
            input_ids=inference_session.prompt_input_ids[0],
            attention_mask=inference_session.prompt_attention_masks[0],
            return_dict=True,
        )

    def run_tracker_propagation(self, inference_session, frame_idx, reverse):
        out = super().run_tracker_propagation(inference_session, frame_idx, reverse)
        for index, object_id in enumerate(inference_session.obj_ids):
            kept = inference_session.output_dict_per_obj[index]["non_cond_frame_outputs"][frame_idx]
            mask = kept["pred_masks"].reshape(self.low_res_mask_size, -1)
            self.step(frame_idx, object_id).update(
                logit=float(kept["object_score_logits"]), low=low(mask), sum=float(mask.double().sum())
            )
        return out

    def _suppress_overlapping_based_on_recent_occlusion(self, **options):
        masks = options["tracker_low_res_masks_global"]
        before = (masks > 0).any(dim=(-1, -2))
        after = super()._suppress_overlapping_based_on_recent_occlusion(**options)
        gone = before & ~(after > 0).any(dim=(-1, -2))
        self.seen[self.frame]["gave_way"] = [i for i, g in zip(self.followed, gone) if g]
        return after

    def build_outputs(self, inference_session, tracker_update_plan, **options):
        """Pairs masks with the ids that they were made for, and so does the caller with
        presence: it reads the session's ids next, and sets them anew at its end."""
        session, plan = inference_session, tracker_update_plan
        self.note(session, plan)
        session.obj_ids = self.followed
        return super().build_outputs(inference_session=session, tracker_update_plan=plan, **options)

    def note(self, session, plan):
        """Writes down a frame's decisions and what the bank holds after it."""
        t, seen = self.frame, self.seen[self.frame]
        seen.setdefault("gave_way", [])
        seen["steps"] = [self.steps[t, i] for i in self.followed]
        seen["born"] = list(plan["new_det_obj_ids"])
        seen["removed"] = sorted(plan["obj_ids_newly_removed"])
        seen["conditioned"] = sorted(plan["reconditioned_obj_ids"])
        seen["bank"] = []
        for index, object_id in enumerate(session.obj_ids):
            kept = session.output_dict_per_obj[index]
            recent = [f for f in kept["non_cond_frame_outputs"] if f > t - POINTERS]
            conditioning = sorted(kept["cond_frame_outputs"])
            seen["bank"].append({"id": object_id, "conditioning": conditioning, "recent": sorted(recent)})


def low(mask):
    return run_lengths((mask > 0).numpy())
