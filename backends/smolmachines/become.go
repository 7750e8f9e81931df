package smolmachines

// become runs a program as the user $1, in docker's notation: smolvm's exec
// runs everything as the user of the image, which it forgets when a machine is
// frozen. Here the image has none, so all that an exec runs begins as root.
// Which program of the image can make it another user is tried out: each of
// them is somebody else's idea of these options.
const become = `spec=$1; shift
user=${spec%%:*} group=
case $spec in *:*) group=${spec#*:};; esac
fail() { echo "$1" >&2; exit 126; }
number() { case $1 in ''|*[!0-9]*) return 1;; esac; }

name= uid= gid= home=/
while IFS=: read -r n _ u g _ h _ || [ -n "$n" ]; do
  if [ "$n" = "$user" ] || [ "$u" = "$user" ]; then name=$n uid=$u gid=$g home=$h; break; fi
done 2>/dev/null </etc/passwd
if [ -z "$uid" ]; then
  number "$user" || fail "the image has no user $user"
  uid=$user gid=0
fi
groups=
if [ -n "$group" ]; then
  gid=
  while IFS=: read -r n _ g _ || [ -n "$n" ]; do
    if [ "$n" = "$group" ] || [ "$g" = "$group" ]; then gid=$g; break; fi
  done 2>/dev/null </etc/group
  if [ -z "$gid" ]; then
    number "$group" || fail "the image has no group $group"
    gid=$group
  fi
elif [ -n "$name" ]; then
  while IFS=: read -r n _ g members || [ -n "$n" ]; do
    case ,$members, in *,"$name",*) groups=$groups,$g;; esac
  done 2>/dev/null </etc/group
fi
groups=$gid$groups
case ${HOME:-/} in /|/root) export HOME="$home";; esac
[ "$uid:$gid" != 0:0 ] || exec "$@"

can() { "$@" /bin/sh -c : >/dev/null 2>&1 </dev/null; }
if can setpriv --reuid "$uid" --regid "$gid" --groups "$groups"; then
  exec setpriv --reuid "$uid" --regid "$gid" --groups "$groups" "$@"
fi
if can chroot --skip-chdir --userspec "$uid:$gid" --groups "$groups" /; then
  exec chroot --skip-chdir --userspec "$uid:$gid" --groups "$groups" / "$@"
fi
if [ -n "$name" ] && [ -z "$group" ] && su -m -s /bin/sh -c : -- "$name" >/dev/null 2>&1 </dev/null; then
  exec su -m -s /bin/sh -c 'exec "$@"' -- "$name" sh "$@"
fi
fail "no program of the image can make another run as $spec: it needs setpriv, or the chroot of GNU, or, for a user with a name, su"`
