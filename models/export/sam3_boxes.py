"""What Hugging Face's tracker makes of boxes in a video's first frame."""

import torch
from transformers import Sam3TrackerVideoProcessor

import sam3_reference

# Boxes of each clip, in samples: around shapes, tight and loose, and of empty ground.
BOXES = {
    "hide": [(3, 25, 34, 56), (98, 64, 140, 106), (70, 2, 90, 20)],
    "split": [(60, 40, 100, 80), (40, 20, 120, 100), (0, 100, 20, 118)],
    "red": [(42, 32, 78, 68), (118, 38, 160, 80), (100, 8, 140, 48)],
}


def record(checkpoint, prepare, pictures, boxes):
    """Returns the mask, the sum of its logits and the logit that something is there, for
    each box: an object of its own. prepare
    is the video processor, pictures a video's frames."""
    model = sam3_reference.load(checkpoint)
    ask = Sam3TrackerVideoProcessor(prepare.image_processor, prepare.video_processor)
    session = ask.init_video_session(video=pictures[:1], inference_device="cpu", dtype=torch.float32)
    with torch.no_grad():
        seen = model.detector_model.get_vision_features(pixel_values=session.get_frame(0)[None])
        features, positions = model.get_vision_features_for_tracker(seen)
    session.cache.cache_vision_features(0, {"vision_feats": features, "vision_pos_embeds": positions})
    ask.add_inputs_to_inference_session(
        session, frame_idx=0, obj_ids=list(range(len(boxes))), input_boxes=[[list(map(float, b)) for b in boxes]]
    )
    out = model.tracker_model(inference_session=session, frame_idx=0)
    return [
        {
            "box": list(box),
            "logit": float(f"{float(logit):.9g}"),
            "low": sam3_reference.low(mask[0]),
            "sum": float(f"{float(mask.double().sum()):.9g}"),
        }
        for box, logit, mask in zip(boxes, out.object_score_logits.flatten(), out.pred_masks)
    ]
