package media

// Matrix is a way to make Y'CbCr of R'G'B'.
type Matrix struct {
	Red, Blue float64 // weights in luma; 0 where the way is another one
	Scaler    string  // what ffmpeg's scaler calls it
	// Convert says that samples are brought to a way with weights while they are
	// read, which is the only use that is made of this one.
	Convert bool
}

// MatrixOf returns the matrix of a colour tag by ffmpeg's name. It is the one
// list of matrices that are known.
func MatrixOf(tag string) (m Matrix, known bool) {
	switch tag {
	case "bt709":
		return Matrix{Red: 0.2126, Blue: 0.0722, Scaler: "bt709"}, true
	case "smpte170m":
		return Matrix{Red: 0.299, Blue: 0.114, Scaler: "smpte170m"}, true
	case "bt470bg":
		return Matrix{Red: 0.299, Blue: 0.114, Scaler: "bt470"}, true
	case "fcc":
		return Matrix{Red: 0.30, Blue: 0.11, Scaler: "fcc"}, true
	case "smpte240m":
		return Matrix{Red: 0.212, Blue: 0.087, Scaler: "smpte240m"}, true
	case "bt2020nc":
		return Matrix{Red: 0.2627, Blue: 0.0593, Scaler: "bt2020"}, true
	case "ycgco", "bt2020c", "chroma-derived-nc", "chroma-derived-c", "ictcp":
		return Matrix{Convert: true}, true
	}
	return Matrix{}, false
}
