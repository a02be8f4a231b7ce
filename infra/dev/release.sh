#!/usr/bin/env bash
# Builds adcpctl for every system that it is released for, as archives with checksums in dist/cli.
# The same version and source make the same bytes. Usage: infra/dev/release.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."

version=${1:?usage: infra/dev/release.sh VERSION}
out=dist/cli
rm -rf "$out"
mkdir -p "$out"
when=$(git log -1 --format=%ct 2>/dev/null || echo 0)

for os in linux darwin windows; do
  for arch in amd64 arm64; do
    name="adcpctl_${version}_${os}_${arch}"
    binary=adcpctl
    [ "$os" = windows ] && binary=adcpctl.exe
    mkdir "$out/$name"
    CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=$version" -o "$out/$name/$binary" ./cmd/adcpctl
    cp LICENSE "$out/$name/"
    # One owner, one time, one order: the archive depends on nothing but its content.
    python3 - "$out" "$name" "$os" "$when" <<'PYTHON'
import gzip, io, os, sys, tarfile, time, zipfile

out, name, system, when = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
files = sorted(os.listdir(os.path.join(out, name)))
if system == "windows":
    with zipfile.ZipFile(os.path.join(out, name + ".zip"), "w", zipfile.ZIP_DEFLATED) as z:
        for f in files:
            info = zipfile.ZipInfo(name + "/" + f, time.gmtime(max(when, 315532800))[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            with open(os.path.join(out, name, f), "rb") as source:
                z.writestr(info, source.read())
else:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as t:
        for f in files:
            info = t.gettarinfo(os.path.join(out, name, f), name + "/" + f)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime, info.mode = when, 0o755 if f == "adcpctl" else 0o644
            with open(os.path.join(out, name, f), "rb") as source:
                t.addfile(info, source)
    with open(os.path.join(out, name + ".tar.gz"), "wb") as f, gzip.GzipFile("", "wb", 9, f, when) as z:
        z.write(raw.getvalue())
PYTHON
    rm -r "${out:?}/$name"
  done
done

sums=$(command -v sha256sum || echo "shasum -a 256")
(cd "$out" && $sums adcpctl_* > checksums.txt && cat checksums.txt)
