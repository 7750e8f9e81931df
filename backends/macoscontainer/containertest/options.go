//go:build linux

package containertest

// processOptions are those of a program, createOptions those of a container
// and its first program.
const processOptions = `
-e --env <env>
--env-file <env-file>
--gid <gid>
-i --interactive
-t --tty
-u --user <user>
--uid <uid>
-w --workdir --cwd <dir>
--ulimit <limit> 0.9.0`

const createOptions = processOptions + `
-c --cpus <cpus>
-m --memory <memory>
-a --arch <arch>
--cap-add <cap> 0.12.0
--cap-drop <cap> 0.12.0
--cidfile <cidfile>
-d --detach
--dns <ip>
--dns-domain <domain>
--dns-option <option>
--dns-search <domain>
--entrypoint <cmd>
--init 0.10.0
--init-image <image>
-k --kernel <path>
--kernel-arg <arg> 1.2.0
-l --label <label>
--masked-path <path> 1.2.1
--max-concurrent-downloads <n>
--mount <mount>
--name <name>
--network <network>
--no-dns
--os <os>
--platform <platform>
-p --publish <spec>
--publish-socket <spec>
--read-only 0.8.0
--read-only-path <path> 1.2.1
--rm --remove
--rosetta
--runtime <runtime>
--scheme <scheme>
--shm-size <size>
--ssh
--tmpfs <tmpfs>
--virtualization
-v --volume <volume>`
