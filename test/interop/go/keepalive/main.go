// Keepalive holds a lease for longer than its time to live, then lets it go.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const ttl = 2

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

	granted := time.Now()
	lease, err := client.Grant(ctx, ttl)
	if err != nil {
		log.Fatal(err)
	}
	put, err := client.Put(ctx, "keepalive/key", "held", clientv3.WithLease(lease.ID))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("granted a lease of %d s\n", lease.TTL)

	aliveCtx, letGo := context.WithCancel(ctx)
	alive, err := client.KeepAlive(aliveCtx, lease.ID)
	if err != nil {
		log.Fatal(err)
	}
	for time.Since(granted) < 2*ttl*time.Second {
		answer, open := <-alive
		if !open {
			log.Fatal("the lease was lost")
		}
		if answer.ID != lease.ID || answer.TTL != ttl {
			log.Fatalf("unexpected answer: %+v", answer)
		}
	}
	got, err := client.Get(ctx, "keepalive/key")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("after two lifetimes the key is there: %q\n", got.Kvs[0].Value)

	letGo()
	last := time.Now()
	for range alive {
		last = time.Now()
	}
	fmt.Println("the keep-alive has ended")
	for response := range client.Watch(ctx, "keepalive/key", clientv3.WithRev(put.Header.Revision+1)) {
		if err := response.Err(); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("the key is gone: %s\n", response.Events[0].Type)
		break
	}
	fmt.Printf("soon after its time: %t\n", time.Since(last) < (ttl+5)*time.Second)

	_, err = client.KeepAliveOnce(ctx, lease.ID)
	fmt.Printf("keep-alive: %v\n", err)
}
