// Package lab proves what Postroom promises: it runs the whole real service in
// a simulated world and has a referee look at what everybody holds in the end.
//
// It owns the world (customers, engineers, admins, other people's machines,
// forgers; networks, servers, disks and clocks that fail), the referee, who
// knows only what each person wrote and what therefore must be in which
// mailbox, and the list of promises. It guarantees that a seed is a world: the
// same people write the same words at the same instants and meet the same
// trouble, whatever the service does, and that each act draws from a source of
// chance of its own, so that leaving one act out changes no other. It never
// reaches into the service but through its seams, its store and its servers,
// and nothing in the product knows of it: the package holds tests alone.
//
// The way through it: a plan (plan_test.go) says what to run; world_test.go
// begins and ends a world, agenda_test.go lets it act, people_test.go and
// engineers_test.go say what people do, trouble_test.go and relay_test.go what goes wrong;
// room_test.go gives a world a disk that fails;
// referee_test.go, referee_store_test.go and referee_present_test.go judge; shrink_test.go looks for
// the shortest history that still breaks a promise; mutants_test.go breaks the
// service on purpose and asks whether the referee notices. wire_test.go gives
// each connection its speed, same_test.go runs one world several times, and
// death_test.go kills the real program at its system calls (strace_test.go runs
// it under strace). powercut_test.go makes images of what a power cut leaves of
// its state directory (image_test.go is the disk), and lets it go on from them;
// disk_test.go strikes the calls of a script over a store (script_test.go);
// errors_test.go has single calls of the real program fail, in the day of death_test.go;
// damage_test.go starts the program on directories that are not as they were.
// soak_test.go has it work for an hour on real servers (soak_book_test.go is
// the referee of that, soak_service_test.go watches what the program needs).
// Their long forms are
//
//	go test ./internal/lab -run 'TestDeath$' -death.all -timeout 40m
//	go test ./internal/lab -run 'TestPowerCut$' -power.images 3000 -power.cuts 60 -timeout 20m
//	go test ./internal/lab -run TestPowerCutBehindFailedSync -power.failed 40 -timeout 20m
//	go test ./internal/lab -run 'TestErrors$' -errors.all -timeout 10h
//	go test ./internal/lab -run TestDiskFaults -disk.all -timeout 20m
//	go test ./internal/lab -run TestDiskTrouble -room.worlds 50 -timeout 30m
//	go test ./internal/lab -run TestSoak -soak 1h -v -timeout 90m
//
// How much of each package the tests run, its own and those of others, is told by
//
//	go test -coverpkg=./... -coverprofile=all.cov ./... && go tool cover -func=all.cov
//
// and of the command, as a program of its own, by
//
//	GOCOVERDIR=$(mktemp -d) go test ./cmd/postroom
//
// behind which "go tool covdata percent -i" reads that folder.
//
//	go test ./internal/lab -seed N -days D -count K
//
// runs K worlds of D days, beginning with the seed N.
package lab
