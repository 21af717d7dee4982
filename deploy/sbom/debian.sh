#!/bin/sh
# Writes Debian packages as a CycloneDX document, from lines of
#
#   dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n'
set -eu
awk -F '\t' '
function encoded(s) { gsub(/[+]/, "%2B", s); gsub(/:/, "%3A", s); return s }
NF != 3 || $0 !~ /^[A-Za-z0-9.+~:\t-]+$/ { print "not a package: " $0 > "/dev/stderr"; failed = 1; exit 1 }
NR == 1 { print "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"version\": 1, \"components\": [" }
{
  printf "%s{\"type\": \"library\", \"name\": \"%s\", \"version\": \"%s\", \"purl\": \"pkg:deb/debian/%s@%s?arch=%s\"}", \
    (NR == 1 ? "" : ",\n"), $1, $2, encoded($1), encoded($2), encoded($3)
}
END { if (failed || NR == 0) exit 1; print "\n]}" }
'
