package commands

import (
	"context"
	"sync"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// engineStates is an engine that has answered, and what its bottles do.
type engineStates struct {
	backends.Backend
	bottles map[bottlestate.Slug]backends.Condition
}

// states asks every backend that has bottles for their states. One that does
// not answer is a line for the person and no failure: it is not in the map.
func (p *Program) states(ctx context.Context, rows []*bottleRow, say bottle.Notify) map[string]engineStates {
	all := map[string]engineStates{}
	asked := map[string]bool{}
	for _, row := range rows {
		name := row.b.Backend
		if asked[name] {
			continue
		}
		asked[name] = true
		be, err := p.Backends.Lookup(name)
		if err != nil {
			say("%v", err)
			continue
		}
		states, err := be.States(ctx)
		if err != nil {
			say("%s: %v", name, err)
			continue
		}
		all[name] = engineStates{be, states}
	}
	return all
}

// fillConditions asks the engines what the bottles do. Of one of an engine that
// is not the current one that stays unknown.
func (p *Program) fillConditions(ctx context.Context, rows []*bottleRow, say bottle.Notify) {
	states := p.states(ctx, rows, say)
	for _, row := range rows {
		engine, ok := states[row.b.Backend]
		if !ok || !backends.IsEndpoint(engine.Backend, row.b.Endpoint) {
			continue
		}
		row.engine = engine
		row.condition = backends.Condition{State: backends.Gone}
		if condition, ok := engine.bottles[row.b.Slug]; ok {
			row.condition = condition
		}
	}
}

// unchangedTime bounds how long a list waits to say that all is in a snapshot.
const unchangedTime = time.Second

// fillUnchanged asks of bottles whether all of them is in their heads, where
// the answer may be yes and costs little: of those that were stopped when that
// was committed, and are now. Of one that runs it would be old at once.
func fillUnchanged(ctx context.Context, rows []*bottleRow) {
	ctx, cancel := context.WithTimeout(ctx, unchangedTime)
	defer cancel()
	var asking sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, row := range rows {
		if row.condition.State != backends.Stopped || row.engine.Backend == nil || !row.head.Stopped {
			continue
		}
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			changed, err := row.engine.ChangedSince(ctx, row.b, row.head)
			row.unchanged = err == nil && !changed
		})
	}
	asking.Wait()
}
