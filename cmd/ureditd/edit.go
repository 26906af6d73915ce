package main

import "context"

func edit(ctx context.Context, c console, args []string) error { return nil }
