package commands

import (
	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// engineBottles is an engine and the bottles that belong to it.
type engineBottles struct {
	backends.Backend
	bottles []bottlestate.Bottle
}

// named returns the bottles of these names by their engines, each once, or all
// bottles if there are no names. A bottle that is named has to be within
// reach; of all bottles, those that are not are returned as others.
func (p *Program) named(names []string) (engines []engineBottles, others []bottlestate.Bottle, err error) {
	if len(names) == 0 {
		return p.allEngines()
	}
	seen := map[bottlestate.Slug]bool{}
	for _, name := range names {
		be, b, err := p.open(name)
		if err != nil {
			return nil, nil, err
		}
		if !seen[b.Slug] {
			seen[b.Slug] = true
			engines = grouped(engines, be, b)
		}
	}
	return engines, nil, nil
}

func (p *Program) allEngines() (engines []engineBottles, others []bottlestate.Bottle, err error) {
	bottles, bad, err := p.Store.Bottles()
	if err != nil {
		return nil, nil, err
	}
	for _, err := range bad {
		p.notify("%v", err)
	}
	opened := map[string]backends.Backend{}
	for _, b := range bottles {
		be, ok := opened[b.Backend]
		if !ok {
			if be, err = p.Backends.Lookup(b.Backend); err != nil {
				p.notify("%v", err)
				be = nil
			}
			opened[b.Backend] = be
		}
		if be == nil || bottle.CheckEngine(be, b) != nil {
			others = append(others, b)
			continue
		}
		engines = grouped(engines, be, b)
	}
	return engines, others, nil
}

func grouped(engines []engineBottles, be backends.Backend, b bottlestate.Bottle) []engineBottles {
	for i := range engines {
		if engines[i].Name() == be.Name() {
			engines[i].bottles = append(engines[i].bottles, b)
			return engines
		}
	}
	return append(engines, engineBottles{be, []bottlestate.Bottle{b}})
}
