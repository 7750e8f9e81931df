package inside

// findMarked calls the shell function found with the id of each program that
// has the mark $1.
const findMarked = `for p in /proc/[0-9]*; do
  e=; while IFS= read -r l || [ -n "$l" ]; do e=$e$l; done 2>/dev/null <$p/environ
  case $e in *` + markEnv + `=$1*) found ${p#/proc/};; esac
done 2>/dev/null
`

// endMarked sends them the signal $2.
const endMarked = `s=$2; found() { kill -$s $1; }
` + findMarked

// askStatus prints what is in the status file $2, or nothing while there is a
// program with the mark $1 that will write to it. If there is neither, the
// program has ended with its bottle.
const askStatus = `f=$2; alive=; found() { alive=yes; }
[ -s $f ] && exec cat $f
` + findMarked + `[ -n "$alive" ] || [ -s $f ] || exit ` + lost + `
[ -n "$alive" ] || cat $f`

const lost = "99"

// End returns what root has to run to send the programs with the mark a signal.
func End(mark, signal string) []string {
	return []string{"/bin/sh", "-c", endMarked, "sh", mark, signal}
}
