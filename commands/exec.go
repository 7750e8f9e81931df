package commands

import (
	"context"
	"os"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/completion"
	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
)

type execOptions struct {
	interactive, tty bool
	user, workdir    string
	env              opts.ListOpts
}

func newExecCommand(p *Program) *cobra.Command {
	o := execOptions{env: opts.NewListOpts(opts.ValidateEnv)}
	cmd := &cobra.Command{
		Use:   "exec [OPTIONS] [BOTTLE COMMAND [ARG...]]",
		Short: "Run a command in a running bottle, with the bottle's env and secrets",
		Long: `Run a command in a running bottle, with the bottle's env and secrets.

On a terminal it gets one, as with docker exec -it. There, without BOTTLE and
COMMAND, it is a shell (sh) in the running bottle; of several you are asked for
one.

Exit status: the command's own; 125 for wrong usage, 130 when interrupted, 1 for
anything else that goes wrong.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && isTerminal(os.Stdin) && isTerminal(os.Stdout) {
				return nil
			}
			return cli.RequiresMinArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return runShell(cmd.Context(), p, &o)
			}
			name, command := args[0], args[1:]
			if command[0] == "--" && len(command) > 1 { // as start and resume have it
				command = command[1:]
			}
			return runExec(cmd.Context(), p, &o, name, command)
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.BoolVarP(&o.interactive, "interactive", "i", false, "Hand the command this command's input")
	flags.BoolVarP(&o.tty, "tty", "t", false, "Fail if the command cannot have a terminal")
	flags.StringVarP(&o.user, "user", "u", "", "User to run the command as (default the image's)")
	flags.StringVarP(&o.workdir, "workdir", "w", "", "Working directory of the command")
	flags.VarP(&o.env, "env", "e", "Set an environment variable for this command")
	_ = cmd.RegisterFlagCompletionFunc("env", completion.EnvVarNames())
	return cmd
}

// runShell runs what every bottle has, for a look around in one.
func runShell(ctx context.Context, p *Program, o *execOptions) error {
	name, err := p.choose(ctx, choice{verb: "exec", running: true, only: true})
	if err != nil {
		return err
	}
	return runExec(ctx, p, o, name, []string{"sh"})
}

func runExec(ctx context.Context, p *Program, o *execOptions, name string, args []string) error {
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	if o.tty && !(isTerminal(os.Stdin) && isTerminal(os.Stdout)) {
		return usage("the input device is not a TTY")
	}
	env, err := opts.ReadKVEnvStrings(nil, o.env.GetSlice())
	if err != nil {
		return err
	}
	proc := backends.Process{Args: args, Env: env, User: o.user, Dir: o.workdir}
	return execStatus(ctx, bottle.Exec(ctx, be, p.Store, b, proc, p.stdio(o.interactive), p.notify))
}
