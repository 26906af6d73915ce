package main

import (
	"maps"
	"slices"

	"uredit/models"
)

// part is one half of a bundle: files and signatures of graphs by path.
type part struct {
	files  map[string][]byte
	graphs map[string]models.Signature
}

func newPart() *part {
	return &part{files: map[string][]byte{}, graphs: map[string]models.Signature{}}
}

func (p *part) add(files map[string][]byte) { maps.Copy(p.files, files) }

func (p *part) graph(name string, g ops) {
	p.files[name] = g.Marshal(nil)
	in, out := g.Signature()
	p.graphs[name] = models.Signature{Inputs: in, Outputs: out}
}

// bundle returns all files of a palette's bundle by slash-separated path.
func bundle(palette []colour) map[string][]byte {
	v := trainBPE(allWords(palette))
	parts := map[string]*part{"sam3": sam3Part(palette, v), "pix2pix": pix2pixPart(palette, v)}
	files := map[string][]byte{}
	manifest := models.Manifest{
		Format: models.Format,
		Name:   "colours",
		Files:  map[string]models.File{},
		Graphs: map[string]models.Signature{},
	}
	for _, folder := range slices.Sorted(maps.Keys(parts)) {
		for name, data := range parts[folder].files {
			files[folder+"/"+name] = data
			manifest.Files[folder+"/"+name] = describe(data)
		}
		for name, s := range parts[folder].graphs {
			manifest.Graphs[folder+"/"+name] = s
		}
	}
	files[models.ManifestName] = encodeJSON(manifest)
	return files
}
