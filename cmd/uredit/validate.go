package main

import (
	"errors"

	"uredit/daemon/job"
)

// check is validate -o json, for each file.
type check struct {
	File     string     `json:"file"`
	Valid    bool       `json:"valid"`
	Errors   job.Errors `json:"errors"`
	Warnings []string   `json:"warnings"`
}

func (c *client) validate(args []string) error {
	files, err := c.parse(c.flags("validate"), args, true)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return usageError("validate takes request files")
	}
	checks := make([]check, len(files))
	valid := true
	for i, name := range files {
		data, err := c.readInput(name)
		if err != nil {
			return err
		}
		v := check{File: name, Errors: job.Errors{}, Warnings: []string{}}
		_, warnings, err := job.Parse(name, data)
		v.Warnings = append(v.Warnings, warnings...)
		if err != nil && !errors.As(err, &v.Errors) {
			return err
		}
		v.Valid = err == nil
		valid = valid && v.Valid
		checks[i] = v
	}
	if err := c.checks(checks); err != nil {
		return err
	}
	if !valid {
		return &statusError{exitUsage, errTold}
	}
	return nil
}

func (c *client) checks(list []check) error {
	if c.format == formatJSON {
		return c.json(list)
	}
	for _, v := range list {
		for _, w := range v.Warnings {
			if err := c.line("%s: warning: %s", v.File, w); err != nil {
				return err
			}
		}
		line := v.File + ": valid"
		if !v.Valid {
			line = v.Errors.Error()
		}
		if err := c.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}
