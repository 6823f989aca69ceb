package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind is what is done to a part.
type Kind string

// Kinds of faults.
const (
	Kill      Kind = "kill"      // SIGKILL; whoever looks after it starts it again
	Pause     Kind = "pause"     // SIGSTOP, and SIGCONT later
	Restart   Kind = "restart"   // SIGTERM, or a quick shutdown of the database
	Crash     Kind = "crash"     // of the database server
	Cut       Kind = "cut"       // connections are reset and refused
	Hole      Kind = "hole"      // bytes wait without a word
	Slow      Kind = "slow"      // 25 ms each way, and a reset now and then
	Full      Kind = "full"      // no byte more fits on the disk
	Terminate Kind = "terminate" // the database ends all connections
)

// Class is a sort of part that faults happen to.
type Class string

// Classes of parts: processes, routes between them, disks.
const (
	Service      Class = "service"
	Agent        Class = "agent"
	Manager      Class = "manager"
	Worker       Class = "worker"
	Client       Class = "client"
	Database     Class = "database"
	ClientRoute  Class = "client-service"
	AgentRoute   Class = "agent-service"
	StoreRoute   Class = "service-database"
	ClusterRoute Class = "service-service"
	ServiceDisk  Class = "service-disk"
	AgentDisk    Class = "agent-disk"
	ManagerDisk  Class = "manager-disk"
)

// Part is one of a class. Managers and workers, which come and go, are
// numbered by their endpoint; Pick says which of them, and means nothing for
// others.
type Part struct {
	Class Class
	N     int
	Pick  int
}

func (p Part) String() string { return fmt.Sprintf("%s-%d", p.Class, p.N) }

// Fault is something that goes wrong, At after the start, For a while.
type Fault struct {
	At, For time.Duration
	Kind    Kind
	Part    Part
}

func (f Fault) String() string {
	return fmt.Sprintf("%s %s for %s", f.Kind, f.Part, f.For.Round(time.Millisecond))
}

// Topology is how many parts there are of each class; what is zero is left out.
type Topology map[Class]int

// choice is a sort of fault and how often it is drawn.
type choice struct {
	class  Class
	kind   Kind
	weight int
}

var choices = []choice{
	{Service, Kill, 6},
	{Service, Pause, 3},
	{Service, Restart, 3},
	{Agent, Kill, 6},
	{Agent, Pause, 3},
	{Agent, Restart, 3},
	{Manager, Kill, 5},
	{Manager, Pause, 3},
	{Manager, Restart, 1},
	{Worker, Kill, 5},
	{Worker, Pause, 3},
	{Client, Kill, 5},
	{Client, Pause, 2},
	{Database, Restart, 1},
	{Database, Crash, 2},
	{Database, Terminate, 4},
	{ClientRoute, Cut, 2},
	{ClientRoute, Hole, 2},
	{ClientRoute, Slow, 2},
	{AgentRoute, Cut, 3},
	{AgentRoute, Hole, 3},
	{AgentRoute, Slow, 2},
	{StoreRoute, Cut, 3},
	{StoreRoute, Hole, 3},
	{StoreRoute, Slow, 1},
	{ClusterRoute, Cut, 2},
	{ClusterRoute, Hole, 2},
	{ClusterRoute, Slow, 1},
	{ServiceDisk, Full, 2},
	{AgentDisk, Full, 2},
	{ManagerDisk, Full, 2},
}

// The shortest and the longest time that a fault lasts. Short times are
// likelier: most trouble is brief.
var lasting = map[Kind][2]time.Duration{
	Pause: {300 * time.Millisecond, 8 * time.Second},
	Cut:   {500 * time.Millisecond, 20 * time.Second},
	Hole:  {500 * time.Millisecond, 20 * time.Second},
	Slow:  {2 * time.Second, 20 * time.Second},
	Full:  {time.Second, 10 * time.Second},
}

// In a run that is longer than longRun one partition in longEvery lasts
// longPartition.
const (
	longRun       = 20 * time.Minute
	longEvery     = 20
	longPartition = 5 * time.Minute
)

// Schedule draws the faults of a run, in order of time. It is a function of
// what it is given and of nothing else: a seed that fails is tried again with
// the same faults. When they hit what is still a matter of the machine.
func Schedule(seed uint64, faults int, over time.Duration, parts Topology) []Fault {
	rng := rand.New(rand.NewPCG(seed, 1))
	possible := possible(parts)
	schedule := make([]Fault, 0, faults)
	for i := range faults {
		c := draw(rng, possible)
		f := Fault{Kind: c.kind, Part: Part{Class: c.class, N: rng.IntN(parts[c.class]), Pick: rng.IntN(1 << 20)}}
		slot := float64(over) / float64(faults)
		f.At = time.Duration((float64(i) + rng.Float64()) * slot)
		if limits, ok := lasting[c.kind]; ok {
			share := rng.Float64()
			f.For = limits[0] + time.Duration(share*share*float64(limits[1]-limits[0]))
		}
		if (c.kind == Cut || c.kind == Hole) && over > longRun && rng.IntN(longEvery) == 0 && f.At < over-longPartition {
			f.For = longPartition
		}
		schedule = append(schedule, f)
	}
	return schedule
}

// Partitions cuts every second agent off, and lets the bytes of the one after it
// wait without a word; the first one is spared, so that some work goes on.
func Partitions(long, over time.Duration, parts Topology) []Fault {
	var schedule []Fault
	for n := 1; n < max(parts[AgentRoute], 2); n++ {
		kind := Cut
		if n%2 == 0 {
			kind = Hole
		}
		n := n % max(parts[AgentRoute], 1)
		schedule = append(schedule, Fault{At: over / 20, For: long, Kind: kind, Part: Part{Class: AgentRoute, N: n}})
	}
	return schedule
}

func possible(parts Topology) []choice {
	var found []choice
	for _, c := range choices {
		if parts[c.class] > 0 {
			found = append(found, c)
		}
	}
	return found
}

func draw(rng *rand.Rand, from []choice) choice {
	total := 0
	for _, c := range from {
		total += c.weight
	}
	n := rng.IntN(total)
	for _, c := range from {
		if n -= c.weight; n < 0 {
			return c
		}
	}
	return from[0]
}
