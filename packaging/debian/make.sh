#!/bin/sh
# Makes dist/triptych_VERSION_ARCH.deb: a virtual environment in /opt/triptych, and what a desktop wants to know of it.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
architecture=$(dpkg --print-architecture)
python=$(python3 -c 'import sys; print(f"python{sys.version_info.major}.{sys.version_info.minor}")')
# The packages that README names, less venv's.
libraries=$(sed -n 's/^sudo apt install python3-venv //p' README.md | sed 's/ /, /g')

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/opt" "$root/usr/bin" "$root/DEBIAN" dist
/usr/bin/python3 -m venv "$root/opt/triptych"
"$root/opt/triptych/bin/pip" install .
# The environment was made elsewhere: its scripts are told where it will stand.
find "$root/opt/triptych/bin" -type f -exec sed -i "s|$root/opt/triptych|/opt/triptych|g" {} +
sed -i "s|$root/opt/triptych|/opt/triptych|g" "$root/opt/triptych/pyvenv.cfg"
# Compiled for the place where they will stand: nobody but root could do it there. Some of torch's templates are no Python.
"$root/opt/triptych/bin/python3" -m compileall -q -f -s "$root" -p / "$root/opt/triptych/lib" || true
ln -s /opt/triptych/bin/triptych "$root/usr/bin/triptych"

install -Dm644 packaging/triptych.desktop "$root/usr/share/applications/triptych.desktop"
install -Dm644 packaging/triptych.metainfo.xml "$root/usr/share/metainfo/triptych.metainfo.xml"
install -Dm644 assets/icons/app.svg "$root/usr/share/icons/hicolor/scalable/apps/triptych.svg"
install -Dm644 weights/LICENSE.md "$root/usr/share/doc/triptych/weights-LICENSE.md"
cat > "$root/usr/share/doc/triptych/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Triptych

Files: *
Copyright: The Triptych contributors
License: Apache-2.0
 See /usr/share/common-licenses/Apache-2.0. The weights have terms of their own: weights-LICENSE.md.
END
chmod 755 "$root"
cat > "$root/DEBIAN/control" <<END
Package: triptych
Version: $version
Architecture: $architecture
Maintainer: The Triptych contributors <triptych@localhost>
Installed-Size: $(du -sk "$root/opt" | cut -f1)
Depends: $python, $libraries
Section: science
Priority: optional
Description: See how landmark neural networks work, on your own pictures
 Drop a photo on the window: networks from 2012 to 2020 answer side by side, say
 how sure they are, and show where in the picture they saw it. Everything runs
 on your own machine.
END
dpkg-deb --root-owner-group -Zzstd -z3 --build "$root" "dist/triptych_${version}_${architecture}.deb"
