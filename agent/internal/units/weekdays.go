package units

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"coffre.invalid/agent/internal/orders"
)

// weekday names as orders write them, in the order of time.Weekday and of launchd.
var weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// moment is a time of the week on the machine's own clock.
type moment struct{ day, hour, minute int }

// moments lists every start of the schedule, put off by delay, sorted and each once.
func moments(wanted orders.Orders, delay time.Duration) ([]moment, error) {
	var all []moment
	for _, entry := range wanted.Plan.Schedule {
		at, err := time.Parse("15:04", entry.At)
		if err != nil {
			return nil, fmt.Errorf("schedule at %q: %w", entry.At, err)
		}
		for _, name := range entry.Days {
			day := slices.Index(weekdays, name)
			if day < 0 {
				return nil, fmt.Errorf("day %q", name)
			}
			shifted := at.Add(delay)
			all = append(all, moment{(day + shifted.YearDay() - at.YearDay()) % 7, shifted.Hour(), shifted.Minute()})
		}
	}
	slices.SortFunc(all, func(a, b moment) int {
		return (a.day*24+a.hour)*60 + a.minute - (b.day*24+b.hour)*60 - b.minute
	})
	return slices.Compact(all), nil
}

// ownDelay spreads machines with the same schedule where the scheduler cannot: whole minutes below limit, the same
// from day to day.
func ownDelay(wanted orders.Orders, limit time.Duration) time.Duration {
	digest := fnv.New32a()
	_, _ = fmt.Fprintf(digest, "%s/%s", wanted.TenantID, wanted.Machine) // A hash takes everything.
	return time.Duration(digest.Sum32()%uint32(limit.Minutes())) * time.Minute
}
