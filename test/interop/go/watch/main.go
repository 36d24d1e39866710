// Watch watches a prefix while it is written to, and then again from a revision in the past.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
)

// show prints the next count events; revisions are told relative to start.
func show(label string, events clientv3.WatchChan, start int64, count int) {
	for count > 0 {
		response, open := <-events
		if !open {
			log.Fatalf("%s: closed with %d events to come", label, count)
		}
		if err := response.Err(); err != nil {
			log.Fatalf("%s: %v", label, err)
		}
		for _, event := range response.Events {
			previous := "none"
			if event.PrevKv != nil {
				previous = fmt.Sprintf("%q", event.PrevKv.Value)
			}
			fmt.Printf("%s: %s %s = %q at +%d, created %t, modified %t, before: %s\n", label,
				event.Type, event.Kv.Key, event.Kv.Value, event.Kv.ModRevision-start,
				event.IsCreate(), event.IsModify(), previous)
			count--
		}
	}
}

func main() {
	log.SetFlags(0)
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   os.Args[1:2],
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	first, err := client.Put(ctx, "watch/config", "0")
	if err != nil {
		log.Fatal(err)
	}
	start := first.Header.Revision

	liveCtx, stopLive := context.WithCancel(ctx)
	live := client.Watch(liveCtx, "watch/", clientv3.WithPrefix(), clientv3.WithPrevKV(),
		clientv3.WithCreatedNotify())
	if created := <-live; !created.Created {
		log.Fatalf("the first answer is not that the watch was created: %+v", created)
	}
	fmt.Println("live: created")

	write := func(ops ...clientv3.Op) {
		if _, err := client.Txn(ctx).Then(ops...).Commit(); err != nil {
			log.Fatal(err)
		}
	}
	write(clientv3.OpPut("watch/config", "1"))
	write(clientv3.OpPut("watch/new", "x"), clientv3.OpPut("elsewhere", "unseen"))
	write(clientv3.OpDelete("watch/", clientv3.WithPrefix()))
	show("live", live, start, 4)
	stopLive()
	for range live {
	}
	fmt.Println("live: cancelled, its channel is closed")

	show("past", client.Watch(ctx, "watch/config", clientv3.WithRev(start)), start, 3)
	show("puts alone", client.Watch(ctx, "watch/", clientv3.WithPrefix(),
		clientv3.WithRev(start), clientv3.WithFilterDelete()), start, 3)

	if _, err := client.Compact(ctx, start+2); err != nil {
		log.Fatal(err)
	}
	compacted := <-client.Watch(ctx, "watch/config", clientv3.WithRev(start))
	fmt.Printf("compacted: %v, since +%d\n", compacted.Err(), compacted.CompactRevision-start)
}
