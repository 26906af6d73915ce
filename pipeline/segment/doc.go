// Package segment finds what a prompt names in each picture of a video, with
// SAM 3 as networks.
//
//	Detector   one prompt and one picture to instances
//	Follower   a Query and a video's pictures to objects, frame by frame
//	Linker     instances of one frame after the other to objects with an id
//	Union      objects of a frame as masks of the video's size, together or one by one
//	Masks      the masks of a whole video, as run lengths in a file
//
// # Folders
//
// Two kinds of folders hold a detector. They are told apart by the names of
// their graphs' inputs and outputs, and end in the same network type.
//
//	sam3-video/1     text_encoder, and frame or vision_encoder with detector
//	the public split vision-encoder, text-encoder, decoder, which gives scores
//	                 in two factors and wants a box that says "no box"
//
// A sam3-video/1 folder that has tracker_init, tracker_step and memory_encoder as
// well is followed with them (package track), and one with tracker_box can be told
// an object by a box alone. In all others a Linker joins what the detector finds. A
// Follower hides which: with a tracker its frames come some pictures late, because
// only then it is known which objects were none.
//
// # Keyframes
//
// A folder without a tracker may say in sam3.json that not every picture must be
// looked at ("keyframes": {"interval": 3}, and "words" for the prompts that this
// holds for). The pictures between get the masks of the keyframes on both sides,
// moved along the motion of the picture; frames then come up to an interval late.
//
// # Sizes
//
// A picture is S by S samples, stretched, not cropped. A mask is a plane of
// logits, L by L; a sample above 0 belongs to the instance. S and L come from
// the graphs. Scores lie in 0..1 and are compared as float32, as the reference
// implementation does: 7/10 as float32 passes a threshold of 0.7.
package segment
