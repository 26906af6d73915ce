// Package preset edits frames in ways that were common before this program, so
// that both can be compared on the same networks.
//
// UREdit is the loop of the Python worker of that name. Every frame stands alone
// in it:
//
//	frame → RGB → eroded mask → its box with a padding → LANCZOS to a long side
//	of 512, sides rounded down to multiples of 8 → editor, noise of its own →
//	LANCZOS back → pasted through the mask, blurred by 5 → mean of the whole
//	frames over a window in time
//
// Pixels are those of Pillow and NumPy to the last bit, given the editor's
// picture. What follows from the loop is kept, too: the crop jumps, the grain of
// an edit changes with every frame, the mean over time leaves ghosts in the
// background and darkens by half a level.
//
// It works on whole RGB frames and takes memory anew for every size, which is
// fine for a comparison and nothing else.
package preset
