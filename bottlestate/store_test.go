package bottlestate_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// A bottle is never made over one that exists, readable or not.
func TestCreateTwice(t *testing.T) {
	for _, content := range []string{`{"version": 1, "slug": "web", "backend": "first"}`, `{"version": 2}`, ""} {
		store := newStore(t)
		path := filepath.Join(store.Dir("web"), "bottle.json")
		write(t, path, content)
		err := store.Create(bottlestate.Bottle{Slug: "web", Backend: "second"})
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
		if got := read(t, path); got != content {
			t.Errorf("the record is now %q, want %q", got, content)
		}
	}
}

// A new bottle does not take the snapshots of one whose record was lost.
func TestCreateOverSnapshots(t *testing.T) {
	store := newStore(t)
	path := filepath.Join(store.Dir("web"), "snapshots", "1.json")
	write(t, path, `{"version": 1, "number": 1}`)
	var corrupt *bottlestate.CorruptError
	if err := store.Create(bottlestate.Bottle{Slug: "web"}); !errors.As(err, &corrupt) || corrupt.Path != store.Dir("web") {
		t.Errorf("got %v, want a CorruptError that names the directory", err)
	}
	if _, err := store.Bottle("web"); !errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("a bottle was made: %v", err)
	}
	read(t, path)
}

// A bottle that is not recorded is ErrNotFound, by its name.
func TestNotFound(t *testing.T) {
	store := newStore(t)
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"web", second(store.Bottle("web"))},
		{"web@3", second(store.Snapshot("web", 3))},
		{"web", second(store.Head("web"))},
	} {
		if !errors.Is(tt.err, bottlestate.ErrNotFound) || !strings.Contains(tt.err.Error(), tt.name) {
			t.Errorf("got %v, want ErrNotFound of %s", tt.err, tt.name)
		}
	}
	if bottles, bad, err := store.Bottles(); len(bottles)+len(bad) != 0 || err != nil {
		t.Errorf("bottles: %v, %v, %v", bottles, bad, err)
	}
}

func second[T any](_ T, err error) error { return err }

// Promise 3: no number is handed out twice, however many commits ask at once.
func TestReserveConcurrently(t *testing.T) {
	store := newStore(t, "web")
	const commits = 50
	numbers := make([]int, commits)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range numbers {
		wg.Go(func() {
			<-begin
			n, err := store.Reserve("web")
			if err != nil {
				t.Error(err)
			}
			numbers[i] = n
		})
	}
	close(begin)
	wg.Wait()
	sort.Ints(numbers)
	for i, n := range numbers {
		if n != i+1 {
			t.Fatalf("reserved %v, want 1 to %d", numbers, commits)
		}
	}
}

// Promise 3: the number of a commit that failed is gone for good, and so is
// that of a snapshot whose reservation was lost.
func TestReserveNeverAgain(t *testing.T) {
	store := newStore(t, "web")
	reserve := func(want int) {
		t.Helper()
		if n, err := store.Reserve("web"); n != want || err != nil {
			t.Fatalf("reserved %d, %v; want %d", n, err, want)
		}
	}
	reserve(1)
	reserve(2) // 1 failed
	if err := store.Record("web", bottlestate.Snapshot{Number: 2}); err != nil {
		t.Fatal(err)
	}
	reserve(3)
	snapshots := filepath.Join(store.Dir("web"), "snapshots")
	write(t, filepath.Join(snapshots, "12.json"), `{"version": 1, "number": 12}`)
	for _, junk := range []string{"99.txt", "x.json", "-5.json", "0.json", "70.json.bak", "80"} {
		write(t, filepath.Join(snapshots, junk), "")
	}
	reserve(13)
}

// Promise 3: a snapshot is never overwritten.
func TestRecordTwice(t *testing.T) {
	store := newStore(t, "web")
	if err := store.Record("web", bottlestate.Snapshot{Number: 1, Reference: "first"}); err != nil {
		t.Fatal(err)
	}
	if err := store.Record("web", bottlestate.Snapshot{Number: 1, Reference: "second"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if snap, err := store.Snapshot("web", 1); err != nil || snap.Reference != "first" {
		t.Errorf("the snapshot is now %+v, %v", snap, err)
	}
}

// A snapshot that cannot be made the head is not recorded: what is not is found
// by adopt, which makes it the head.
func TestRecordNoHead(t *testing.T) {
	store := newStore(t, "web")
	write(t, filepath.Join(store.Dir("web"), "head", "in-the-way"), "")
	if err := store.Record("web", bottlestate.Snapshot{Number: 1}); err == nil {
		t.Error("got no error")
	}
	if _, err := store.Snapshot("web", 1); !errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// The head is the newest snapshot, or the one that was gone back to; with 0
// there is none, and a head that cannot be read is not guessed.
func TestHead(t *testing.T) {
	for _, tt := range []struct {
		name, file string // no file if empty
		snapshots  []int
		want       int
		notFound   bool
		corrupt    bool
	}{
		{name: "no snapshot", notFound: true},
		{name: "newest", snapshots: []int{1, 2, 10}, want: 10},
		{name: "explicit", file: "2\n", snapshots: []int{1, 2, 10}, want: 2},
		{name: "without a newline", file: "2", snapshots: []int{1, 2}, want: 2},
		{name: "made anew", file: "0\n", snapshots: []int{1, 2}, notFound: true},
		{name: "of no snapshot", file: "3\n", snapshots: []int{1, 2}, notFound: true},
		{name: "empty", file: " ", snapshots: []int{1}, corrupt: true},
		{name: "negative", file: "-1", snapshots: []int{1}, corrupt: true},
		{name: "a word", file: "one", snapshots: []int{1}, corrupt: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(t, "web")
			path := filepath.Join(store.Dir("web"), "head")
			for _, n := range tt.snapshots {
				if err := store.Record("web", bottlestate.Snapshot{Number: n}); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Remove(path); err != nil && len(tt.snapshots) > 0 {
				t.Fatal(err)
			}
			if tt.file != "" {
				write(t, path, tt.file)
			}
			head, err := store.Head("web")
			var corrupt *bottlestate.CorruptError
			if head.Number != tt.want || errors.Is(err, bottlestate.ErrNotFound) != tt.notFound || errors.As(err, &corrupt) != tt.corrupt || (err == nil) != (tt.want > 0) {
				t.Errorf("got %d, %v", head.Number, err)
			}
			if tt.notFound && strings.Contains(err.Error(), "@0") {
				t.Errorf("got %v, want no number that no snapshot has", err)
			}
			if tt.corrupt && corrupt.Path != path {
				t.Errorf("got %v, want the path %s", err, path)
			}
		})
	}
}

// SetHead and Head are two ends of one thing, and a new snapshot is the head
// again.
func TestSetHead(t *testing.T) {
	store := newStore(t, "web")
	record := func(n int) {
		if err := store.Record("web", bottlestate.Snapshot{Number: n}); err != nil {
			t.Fatal(err)
		}
	}
	record(1)
	record(2)
	if err := store.SetHead("web", 1); err != nil {
		t.Fatal(err)
	}
	if head, err := store.Head("web"); err != nil || head.Number != 1 {
		t.Errorf("head: %d, %v; want 1", head.Number, err)
	}
	record(3)
	if head, err := store.Head("web"); err != nil || head.Number != 3 {
		t.Errorf("head: %d, %v; want 3", head.Number, err)
	}
}

// Promise 7: two changes of one bottle never overlap; others do not wait.
func TestLock(t *testing.T) {
	store := newStore(t)
	unlock, err := store.Lock(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	other, err := store.Lock(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	other()

	var held atomic.Bool // the race detector knows nothing of file locks
	held.Store(true)
	done := make(chan error)
	go func() {
		unlock, err := store.Lock(t.Context(), "web")
		if err == nil {
			if held.Load() {
				err = errors.New("got the lock while it was held")
			}
			unlock()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the second did not wait: %v", err)
	default:
	}
	held.Store(false)
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Many programs that change one bottle do so one at a time.
func TestLockExcludes(t *testing.T) {
	store := newStore(t)
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			unlock, err := store.Lock(t.Context(), "web")
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d at once", n)
			}
			if _, err := store.Reserve("web"); err != nil { // takes its time
				t.Error(err)
			}
			inside.Add(-1)
		})
	}
	wg.Wait()
}

// Promise 7: a wait that is interrupted ends with the context's own error,
// and leaves nothing locked.
func TestLockCancelled(t *testing.T) {
	store := newStore(t)
	unlock, err := store.Lock(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := store.Lock(ctx, "web")
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	unlock()
	// The one that was given up gets the lock before this one, which would wait
	// for ever if it kept it, or else after it, and is waited for.
	unlock, err = store.Lock(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// A bottle that is removed is gone with all that was kept about it: a new one
// of that name begins with nothing. Removing it again is no error.
func TestRemove(t *testing.T) {
	store := newStore(t, "web", "api")
	for _, err := range []error{
		store.Record("web", bottlestate.Snapshot{Number: 1}),
		store.Preserve("web"),
		store.SetRun("web", "run"),
		store.Remove("web"),
		store.Remove("web"),
		store.Remove("never-was"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(store.Dir("web")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
	if _, err := store.Bottle("api"); err != nil {
		t.Errorf("the other bottle: %v", err)
	}
	if err := store.Create(bottlestate.Bottle{Slug: "web"}); err != nil {
		t.Fatal(err)
	}
	assertNew(t, store)
}

// Promise 2: a bottle never gets the snapshots of one that had its name, also
// when a crash has kept the removal of that one from its end.
func TestRemoveCrashed(t *testing.T) {
	store := newStore(t, "web")
	removed := filepath.Join(filepath.Dir(store.Dir("web")), ".removed-web")
	for _, err := range []error{
		store.Record("web", bottlestate.Snapshot{Number: 1}),
		store.Preserve("web"),
		store.SetRun("web", "run"),
		os.Rename(store.Dir("web"), removed), // the first thing that Remove does
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if bottles, bad, err := store.Bottles(); len(bottles)+len(bad) != 0 || err != nil {
		t.Errorf("bottles: %v, %v, %v", bottles, bad, err)
	}
	if err := store.Create(bottlestate.Bottle{Slug: "web"}); err != nil {
		t.Fatal(err)
	}
	assertNew(t, store)
	if err := store.Remove("web"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{store.Dir("web"), removed} {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

func assertNew(t *testing.T, store bottlestate.Store) {
	t.Helper()
	if _, err := store.Head("web"); !errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("head: %v, want ErrNotFound", err)
	}
	if snaps, bad, err := store.Snapshots("web"); len(snaps)+len(bad) != 0 || err != nil {
		t.Errorf("snapshots: %v, %v, %v", snaps, bad, err)
	}
	if preserved, err := store.Preserved("web"); preserved || err != nil {
		t.Errorf("preserved: %v, %v", preserved, err)
	}
	if run, err := store.Run("web"); run != "" || err != nil {
		t.Errorf("run: %q, %v", run, err)
	}
}

// Promise 9: one bad record, and whatever else lies there, is in nobody's way.
func TestBottles(t *testing.T) {
	store := newStore(t, "web", "api")
	dir := filepath.Dir(store.Dir("web"))
	bad := filepath.Join(dir, "bad", "bottle.json")
	write(t, bad, "{")
	write(t, filepath.Join(dir, "half-made", "head"), "")
	write(t, filepath.Join(dir, "file"), "")
	write(t, filepath.Join(dir, ".DS_Store"), "")
	write(t, filepath.Join(dir, "Not_Ours", "bottle.json"), "{")
	bottles, errs, err := store.Bottles()
	if err != nil {
		t.Fatal(err)
	}
	var slugs []bottlestate.Slug
	for _, b := range bottles {
		slugs = append(slugs, b.Slug)
	}
	if !slices.Equal(slugs, []bottlestate.Slug{"api", "web"}) {
		t.Errorf("got %v, want api and web", slugs)
	}
	var corrupt *bottlestate.CorruptError
	if len(errs) != 1 || !errors.As(errs[0], &corrupt) || corrupt.Path != bad {
		t.Errorf("bad: %v, want %s alone", errs, bad)
	}
}

// Promise 9: one bad record of a snapshot hides no other.
func TestSnapshots(t *testing.T) {
	store := newStore(t, "web")
	for _, n := range []int{1, 2, 3, 10} {
		if err := store.Record("web", bottlestate.Snapshot{Number: n}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(store.Dir("web"), "snapshots", "2.json")
	write(t, path, "{")
	snaps, bad, err := store.Snapshots("web")
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, snap := range snaps {
		numbers = append(numbers, snap.Number)
	}
	if !slices.Equal(numbers, []int{1, 3, 10}) {
		t.Errorf("got %v, want 1, 3 and 10, oldest first", numbers)
	}
	if len(bad) != 1 || !strings.Contains(bad[0].Error(), path) {
		t.Errorf("bad: %v, want %s alone", bad, path)
	}
}

// The run is what was set last; none is none, and forgetting it twice is no
// error.
func TestRun(t *testing.T) {
	store := newStore(t, "web")
	for _, want := range []string{"", "", "one 2026-01-02T03:04:05Z", "two", ""} {
		if err := store.SetRun("web", want); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Run("web"); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

// A bottle is restored beside what there is of it, and never over a bottle.json.
func TestRestore(t *testing.T) {
	store := newStore(t)
	if err := store.AddSnapshot("web", bottlestate.Snapshot{Number: 2}); err != nil {
		t.Fatal(err)
	}
	if err := store.Restore(bottlestate.Bottle{Slug: "web", Backend: "first"}); err != nil {
		t.Fatal(err)
	}
	if head, err := store.Head("web"); err != nil || head.Number != 2 {
		t.Errorf("the head is %+v, %v", head, err)
	}
	for _, content := range []string{read(t, filepath.Join(store.Dir("web"), "bottle.json")), `{"version": 2}`, ""} {
		path := filepath.Join(store.Dir("web"), "bottle.json")
		write(t, path, content)
		if err := store.Restore(bottlestate.Bottle{Slug: "web", Backend: "second"}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
		if got := read(t, path); got != content {
			t.Errorf("the record is now %q, want %q", got, content)
		}
	}
}

// A snapshot can be added without the head moving to it; one that is there is
// not changed.
func TestAddSnapshot(t *testing.T) {
	store := newStore(t)
	if err := store.Record("web", bottlestate.Snapshot{Number: 1}); err != nil {
		t.Fatal(err)
	}
	if err := store.AddSnapshot("web", bottlestate.Snapshot{Number: 2, Message: "first"}); err != nil {
		t.Fatal(err)
	}
	if err := store.AddSnapshot("web", bottlestate.Snapshot{Number: 2, Message: "second"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if snap, err := store.Snapshot("web", 2); err != nil || snap.Message != "first" {
		t.Errorf("got %+v, %v", snap, err)
	}
	if head, err := store.Head("web"); err != nil || head.Number != 1 {
		t.Errorf("the head is %+v, %v", head, err)
	}
}

func TestReserveTo(t *testing.T) {
	store := newStore(t)
	for _, number := range []int{0, 5, 3, 5} {
		if err := store.ReserveTo("web", number); err != nil {
			t.Fatal(err)
		}
	}
	if next, err := store.Reserve("web"); err != nil || next != 6 {
		t.Errorf("the next number is %d, %v; want 6", next, err)
	}
}

// A lock that is held is not waited for; one that is not is had.
func TestTryLock(t *testing.T) {
	store := newStore(t)
	unlock, ok, err := store.TryLock(t.Context(), "web")
	if !ok || err != nil {
		t.Fatalf("nobody holds it: %v, %v", ok, err)
	}
	if _, ok, err := store.TryLock(t.Context(), "web"); ok || err != nil {
		t.Errorf("it is held: %v, %v", ok, err)
	}
	if other, ok, err := store.TryLock(t.Context(), "api"); !ok || err != nil {
		t.Errorf("another bottle's: %v, %v", ok, err)
	} else {
		other()
	}
	unlock()
	unlock, err = store.Lock(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// What a killed process has left is found, what one is writing is not, and
// nothing else is taken for either.
func TestLeftovers(t *testing.T) {
	store := newStore(t)
	if err := store.Create(bottlestate.Bottle{Slug: "web"}); err != nil {
		t.Fatal(err)
	}
	dir := store.Dir("web")
	old := []string{
		filepath.Join(dir, ".tmp-bottle.json123"),
		filepath.Join(dir, "snapshots", ".tmp-2.json123"),
		filepath.Join(filepath.Dir(dir), ".removed-api", "bottle.json"),
		filepath.Join(dir, "snapshots", "2.reserved"),
		filepath.Join(dir, "mine"),
		filepath.Join(filepath.Dir(dir), ".removed-Not_Ours", "file"),
	}
	for _, path := range old {
		write(t, path, "")
		hourAgo := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, ".tmp-bottle.json456"), "{}")
	got, err := store.Leftovers()
	want := []bottlestate.Leftover{{Slug: "api", Path: filepath.Dir(old[2])}, {Slug: "web", Path: old[0]}, {Slug: "web", Path: old[1]}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
