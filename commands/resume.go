package commands

import (
	"context"

	"github.com/docker/cli/cli/command/completion"
	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type resumeOptions struct {
	detach, requireSnapshot, commitOnExit bool
	discard, yes, quiet                   bool
	at                                    int
	env                                   opts.ListOpts
	secrets                               []string
}

func newResumeCommand(p *Program) *cobra.Command {
	o := resumeOptions{env: opts.NewListOpts(opts.ValidateEnv)}
	cmd := &cobra.Command{
		Use:   "resume [OPTIONS] [BOTTLE] [-- COMMAND [ARG...]]",
		Short: "Bring a bottle back and run its agent",
		Long: `Bring a bottle back, from the best of what there is of it: the running bottle,
the stopped one, its head snapshot, and only then, loudly, its Dockerfile.

The agent is handed the same variables of your environment as at its start, if
they are set.

With --at it goes back to a snapshot, and ends what runs in the bottle. What is
in no snapshot yet is committed first.

Exit status: the agent's own; 125 for wrong usage, 130 when interrupted, 1 for
anything else that goes wrong.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, command, err := splitDash(cmd, args)
			if err != nil {
				return err
			}
			return runResume(cmd.Context(), p, &o, name, command)
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.detach, "detach", "d", false, "Run the agent in the background and print the bottle's name")
	flags.IntVar(&o.at, "at", 0, "Go back to the snapshot with this number")
	flags.BoolVar(&o.discard, "discard", false, "With --at, do not commit what is in no snapshot: it is lost")
	flags.BoolVarP(&o.yes, "yes", "y", false, "With --at, stop the bottle to commit it without asking, where its engine has to")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Say nothing but what is lost or goes wrong")
	flags.BoolVar(&o.requireSnapshot, "require-snapshot", false, "Fail rather than rebuild from the Dockerfile")
	flags.BoolVar(&o.commitOnExit, "commit-on-exit", false, "Commit the bottle when its agent ends")
	flags.VarP(&o.env, "env", "e", "Set an environment variable for the agent, from now on")
	flags.StringArrayVar(&o.secrets, "secret", nil, "Hand the agent this variable of your environment; its value is stored nowhere")
	_ = cmd.RegisterFlagCompletionFunc("secret", completion.EnvVarNames())
	_ = cmd.RegisterFlagCompletionFunc("env", completion.EnvVarNames())
	return cmd
}

func runResume(ctx context.Context, p *Program, o *resumeOptions, name string, command []string) error {
	switch {
	case o.at < 0:
		return usage("--at takes the number of a snapshot, from 1")
	case o.at == 0 && (o.discard || o.yes):
		return usage("--discard and --yes are about going back: use them with --at")
	case o.detach && o.commitOnExit:
		return usage("conflicting options: with -d nobody waits for the agent's end, so --commit-on-exit cannot act on it")
	}
	if err := checkSecrets(o.secrets); err != nil {
		return err
	}
	p.quiet = o.quiet
	if name == "" {
		var err error
		if name, err = p.choose(ctx, choice{verb: "resume"}); err != nil {
			return err
		}
	}
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	env, err := opts.ReadKVEnvStrings(nil, o.env.GetSlice())
	if err != nil {
		return err
	}
	working, line := p.progress(ctx, "resuming "+name)
	log := newBuildLog(p, line, b.Agent)
	b, rung, err := bottle.Resume(working, be, p.Store, b.Slug, bottle.ResumeOptions{
		At:              o.at,
		Discard:         o.discard,
		Commit:          bottle.CommitOptions{Confirm: p.confirmStop(o.yes), Notify: p.notify, Warn: p.warn},
		RequireSnapshot: o.requireSnapshot,
		Env:             env,
		Secrets:         o.secrets,
		Open:            p.openSource,
		Log:             log,
		Notify:          p.notify,
		Warn:            p.warn,
		Saved: func(snap bottlestate.Snapshot) {
			p.notify("saved the present as %s@%d: %s", name, snap.Number, cost(snap))
		},
	})
	if err := log.Close(err); err != nil {
		return err
	}
	if command != nil {
		command = append(append([]string{}, b.Entrypoint...), command...)
	}
	run := bottle.RunOptions{
		Args:         command,
		Keep:         rung == bottle.Running,
		Continue:     rung == bottle.Restarted || rung == bottle.Booted,
		CommitOnExit: o.commitOnExit,
		Added:        len(env)+len(o.secrets) > 0,
	}
	if o.detach {
		return p.background(ctx, be, b, run)
	}
	return p.attached(ctx, be, b, run)
}
