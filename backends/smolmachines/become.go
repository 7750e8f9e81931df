package smolmachines

// become runs a program as the user $1, in docker's notation: smolvm's exec
// runs everything as the user of the image, which it forgets when a machine is
// frozen. Here the image has none, so all that an exec runs begins as root.
// Which program of the image can make it another user is tried out: each of
// them is somebody else's idea of these options.
// Its own variables have names that nobody's are likely to have: the program
// is given all that it changes.
const become = `_spec=$1; shift
_user=${_spec%%:*} _group=
case $_spec in *:*) _group=${_spec#*:};; esac
[ -n "$_user" ] || _user=0
fail() { echo "$1" >&2; exit 126; }
number() { case $1 in ''|*[!0-9]*) return 1;; esac; }

_name= _uid= _gid= _home=/
while IFS=: read -r _n _ _u _g _ _h _ || [ -n "$_n" ]; do
  if [ "$_n" = "$_user" ] || [ "$_u" = "$_user" ]; then _name=$_n _uid=$_u _gid=$_g _home=$_h; break; fi
done 2>/dev/null </etc/passwd
_own=$_gid
if [ -z "$_uid" ]; then
  number "$_user" || fail "the image has no user $_user"
  _uid=$_user _gid=0
fi
_groups=
if [ -n "$_group" ]; then
  _gid=
  while IFS=: read -r _n _ _g _ || [ -n "$_n" ]; do
    if [ "$_n" = "$_group" ] || [ "$_g" = "$_group" ]; then _gid=$_g; break; fi
  done 2>/dev/null </etc/group
  if [ -z "$_gid" ]; then
    number "$_group" || fail "the image has no group $_group"
    _gid=$_group
  fi
elif [ -n "$_name" ]; then
  while IFS=: read -r _n _ _g _members || [ -n "$_n" ]; do
    case ,$_members, in *,"$_name",*) _groups=$_groups,$_g;; esac
  done 2>/dev/null </etc/group
fi
_groups=$_gid$_groups
case ${HOME:-/} in /|/root) export HOME="$_home";; esac
[ "$_uid:$_gid" != 0:0 ] || exec "$@"

can() { "$@" /bin/sh -c : >/dev/null 2>&1 </dev/null; }
if can setpriv --reuid "$_uid" --regid "$_gid" --groups "$_groups"; then
  exec setpriv --reuid "$_uid" --regid "$_gid" --groups "$_groups" "$@"
fi
if can chroot --skip-chdir --userspec "$_uid:$_gid" --groups "$_groups" /; then
  exec chroot --skip-chdir --userspec "$_uid:$_gid" --groups "$_groups" / "$@"
fi
if [ -n "$_name" ] && [ "$_gid" = "$_own" ] && su -m -s /bin/sh -c : -- "$_name" >/dev/null 2>&1 </dev/null; then
  exec su -m -s /bin/sh -c 'exec "$@"' -- "$_name" sh "$@"
fi
fail "no program of the image can make another run as $_spec: it needs setpriv, or the chroot of GNU, or, for a user with a name, su"`
