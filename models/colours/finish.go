package colours

import "uredit/models/onnxfile"

// Finish is an edit beside the repaint: something that words ask to be done to
// the whole decoded picture. Each word stands for a vector. It goes through the
// latents in channels of its own, so that guidance scales it as it scales the
// repaint: at the default scales it arrives as it is, and as zeros where no word
// asks.
type Finish struct {
	Channels int             // length of the vectors; 0 for no finish
	Words    map[string]Word // lower case, none of them a colour's
	// Draw appends to a VAE decoder what makes the finished picture of a picture
	// [batch,3,height,width] in -1..1 and the vector [batch,Channels].
	Draw func(g *onnxfile.Graph, picture, vector string) (string, error)
}

// Word is a word that asks for a finish. The last of a prompt counts.
type Word struct {
	Vector  []float32
	Generic bool // counts only where no other word asks
}

// genericWeight lets any other word of a prompt outweigh a generic one.
const genericWeight = 1.0 / 128

func (w Word) weight() float32 {
	if w.Generic {
		return genericWeight
	}
	return 1
}

// draw appends what the finish makes of a picture, given all latents; without a
// finish it is the picture itself.
func (f Finish) draw(g ops, picture, all string) (string, error) {
	if f.Channels == 0 {
		return picture, nil
	}
	vector := g.reduce("ReduceMean", g.channels(all, latents, int64(latents+f.Channels)), 2, 3)
	return f.Draw(g.Graph, picture, g.reshape(vector, -1, int64(f.Channels)))
}
