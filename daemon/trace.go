package daemon

import (
	"context"
	"log/slog"
)

// Messages of the transitions in the log, at level debug.
const (
	msgBegun = "transition begun"
	msgEnded = "transition ended"
)

// traced returns what logs each transition of a job in the spool twice: before it,
// and with its outcome. The two tell, after a crash, what may have happened.
func traced(log *slog.Logger) func(from, to string) func(error) {
	return func(from, to string) func(error) {
		if !log.Enabled(context.Background(), slog.LevelDebug) {
			return func(error) {}
		}
		names := log.With("from", from, "to", to)
		names.Debug(msgBegun)
		return func(err error) { names.Debug(msgEnded, "err", err) }
	}
}
