package metric

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// runtimeMetrics are those of Go's that are worth watching, under the names that
// dashboards for Go programs use.
var runtimeMetrics = []struct {
	of, name, kind, help string
}{
	{"/sched/goroutines:goroutines", "go_goroutines", level, "Goroutines that exist."},
	{"/sched/gomaxprocs:threads", "go_sched_gomaxprocs_threads", level, "Threads that may run Go code at once."},
	{"/memory/classes/heap/objects:bytes", "go_memstats_heap_alloc_bytes", level, "Memory of objects that are live or not yet swept."},
	{"/memory/classes/total:bytes", "go_memstats_sys_bytes", level, "Memory that the Go runtime has from the system."},
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total_gc_cycles_total", counts, "Garbage collections."},
	{"/gc/heap/allocs:bytes", "go_gc_heap_allocs_bytes_total", counts, "Memory that was allocated in all."},
	{"/cpu/classes/gc/total:cpu-seconds", "go_cpu_classes_gc_total_cpu_seconds_total", counts, "Estimated processor time of garbage collections."},
}

func exposeProcess(t *text, started time.Time, version string) {
	t.family("watchword_build_info", level, "Always 1; its labels say what is running.")
	t.sample("watchword_build_info", labels("").label("version", version).label("go", runtime.Version()), 1)
	t.single("process_start_time_seconds", level, "When the server started, as a Unix time.", float64(started.UnixMilli())/1000)

	samples := make([]metrics.Sample, len(runtimeMetrics))
	for i, m := range runtimeMetrics {
		samples[i].Name = m.of
	}
	metrics.Read(samples)
	for i, m := range runtimeMetrics {
		switch v := samples[i].Value; v.Kind() {
		case metrics.KindUint64:
			t.single(m.name, m.kind, m.help, float64(v.Uint64()))
		case metrics.KindFloat64:
			t.single(m.name, m.kind, m.help, v.Float64())
		}
	}
	usage := readUsage()
	for _, m := range []struct {
		name, kind, help string
		value            float64
	}{
		{"process_cpu_seconds_total", counts, "Processor time of the process.", usage.cpu.Seconds()},
		{"process_resident_memory_bytes", level, "Memory that the process occupies.", usage.memory},
		{"process_open_fds", level, "Files and connections that are open.", usage.files},
		{"process_max_fds", level, "How many may be open.", usage.maxFiles},
	} {
		if m.value > 0 { // it is known
			t.single(m.name, m.kind, m.help, m.value)
		}
	}
}

// usage is what the system says of this process; zero where it does not.
type usage struct {
	cpu             time.Duration
	memory          float64 // bytes
	files, maxFiles float64
}
