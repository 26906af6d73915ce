package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"uredit/models"
	"uredit/pipeline/tensor"
)

const modelsHelp = `list|verify [--config FILE]
       ureditd models install starter [DIR]
       ureditd models run sam3    --bundle B --input V --prompt P --out O.ndjson
       ureditd models run pix2pix --bundle B --image I.png --prompt P --out O.png [flags]`

// modelsCommand lists, verifies, installs or runs models.
func modelsCommand(ctx context.Context, c console, args []string) error {
	if len(args) > 1 && args[0] == "run" {
		switch args[1] {
		case "sam3":
			return runSAM3(ctx, c, args[2:])
		case "pix2pix":
			return runPix2Pix(ctx, c, args[2:])
		}
	}
	if len(args) > 0 && args[0] == "install" {
		return installModels(ctx, c, args[1:])
	}
	if len(args) == 0 || args[0] != "list" && args[0] != "verify" {
		return usagef("usage: ureditd models %s", modelsHelp)
	}
	f := flags(c, "models "+args[0], modelsHelp)
	configFile := f.String("config", "", "configuration `file`")
	folder := f.String("bundle", "", "bundle `folder`, or builtin (default: the configured one)")
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	cfg, err := loadConfig(*configFile)
	if err != nil {
		return err
	}
	if *folder != "" {
		cfg.Bundle = *folder
	}
	b, warnings, err := openBundle(cfg)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(c.err, "warning:", w)
	}
	if args[0] == "list" {
		return listBundle(ctx, c.out, b)
	}
	if err := b.Verify(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: every file is as its manifest says\n", b.Dir())
	return err
}

// listBundle prints what a bundle is and which files it has.
func listBundle(ctx context.Context, w io.Writer, b *models.Bundle) error {
	fmt.Fprintf(w, "folder   %s\n", b.Dir())
	if m := b.Manifest(); m != nil {
		fmt.Fprintf(w, "name     %s\nlicence  %s\nabout    %s\n", m.Name, m.Licence, m.About)
	}
	hashes, err := b.Hashes(ctx)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(hashes))
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range names {
		fmt.Fprintf(t, "%s\t%s\n", name, hashes[name])
	}
	return t.Flush()
}

// part opens the host with another bundle and returns the loader of its device.
func part(ctx context.Context, configFile, bundle, device string) (h *host, load tensor.Loader, err error) {
	cfg, err := loadConfig(configFile)
	if err != nil {
		return nil, nil, err
	}
	if bundle != "" {
		cfg.Bundle = bundle
	}
	if device != "" {
		cfg.Devices = []string{device}
	}
	if h, err = openHost(ctx, cfg); err != nil {
		return nil, nil, err
	}
	d, err := h.device(h.places[0], 1)
	if err != nil {
		h.close()
		return nil, nil, err
	}
	return h, d.Load, nil
}

// writeWhole lets write fill a file that appears whole or not at all.
func writeWhole(name string, write func(io.Writer) error) error {
	out, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // is gone once it has its name
	if err := write(out); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := errors.Join(out.Chmod(0o664), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), name)
}
