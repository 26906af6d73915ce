#!/usr/bin/env bash
# Writes uredit.yaml(5) out of the commented configuration, which is the manual.
set -euo pipefail

cat <<'MAN'
.Dd November 24, 2026
.Dt UREDIT.YAML 5
.Os
.Sh NAME
.Nm uredit.yaml
.Nd the configuration of ureditd
.Sh DESCRIPTION
This is the configuration as it is installed, with every key, its default and its
meaning.
.Xr ureditd 8
.Cm config check
names faults in a changed one,
.Cm config print Fl -origin
shows what holds.
.Bd -literal
MAN
# roff takes a backslash, and a dot or a quote that begins a line, for its own.
sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\&&/" "$1"
cat <<'MAN'
.Ed
.Sh SEE ALSO
.Xr uredit 1 ,
.Xr ureditd 8
MAN
