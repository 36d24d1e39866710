// Mutex lets two sessions contend for one lock.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

const prefix = "mutex/"

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

	s1, err := concurrency.NewSession(client)
	if err != nil {
		log.Fatal(err)
	}
	defer s1.Close()
	m1 := concurrency.NewMutex(s1, prefix)
	s2, err := concurrency.NewSession(client)
	if err != nil {
		log.Fatal(err)
	}
	defer s2.Close()
	m2 := concurrency.NewMutex(s2, prefix)

	waiting := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithFilterDelete(),
		clientv3.WithCreatedNotify())
	<-waiting // created

	if err := m1.Lock(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("acquired lock for s1")

	locked := make(chan error, 1)
	go func() { locked <- m2.Lock(ctx) }()
	for keys := 0; keys < 2; {
		keys += len((<-waiting).Events)
	}
	held, err := client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		log.Fatal(err)
	}
	select {
	case <-locked:
		log.Fatal("both sessions have the lock")
	default:
		fmt.Printf("s2 waits, there are %d keys\n", len(held.Kvs))
	}

	if err := m1.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("released lock for s1")
	if err := <-locked; err != nil {
		log.Fatal(err)
	}
	fmt.Println("acquired lock for s2")

	// A third contender gives up: its key must go, and s2 must keep the lock.
	impatient, giveUp := context.WithTimeout(ctx, 300*time.Millisecond)
	defer giveUp()
	err = concurrency.NewMutex(s1, prefix).Lock(impatient)
	fmt.Printf("s1 gives up: %v\n", err)

	// Closing a session revokes its lease, which releases what it holds.
	if err := s2.Close(); err != nil {
		log.Fatal(err)
	}
	<-s2.Done()
	if err := m1.Lock(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("s2 is closed, acquired lock for s1")
	if err := m1.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	held, err = client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("keys left behind: %d\n", len(held.Kvs))
}
