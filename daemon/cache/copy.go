package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Sum returns the SHA-256 of what r holds, in hex. It ends early with ctx.
func Sum(ctx context.Context, r io.Reader) (string, error) {
	sum := sha256.New()
	_, err := io.Copy(sum, &reader{ctx, r})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// reader reads until a context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// copyVerified makes the file f in dst from in: as a clone that shares its blocks,
// or else by reading. A content that is not f's wraps ErrSpoilt. After an error
// the file is not there.
func copyVerified(ctx context.Context, dst *os.Root, f File, in *os.File) (err error) {
	out, err := dst.OpenFile(f.Name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o664)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = errors.Join(err, dst.Remove(f.Name))
		}
	}()
	sum := sha256.New()
	n := int64(0)
	if clone(out, in) {
		n, err = io.Copy(sum, &reader{ctx, out})
	} else {
		n, err = io.Copy(io.MultiWriter(out, sum), &reader{ctx, io.NewSectionReader(in, 0, f.Bytes+1)})
	}
	if err != nil {
		return err
	}
	if n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s is not what was put in", ErrSpoilt, f.Name)
	}
	return nil
}

// clone makes out share the blocks of in, where the file system can do that. The
// refusals are many, and all mean that it cannot.
func clone(out, in *os.File) bool {
	return unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil
}
