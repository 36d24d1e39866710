// Connect connects, puts a key, and gets it back in the ways a beginner tries.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
)

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

	if _, err := client.Put(ctx, "connect/greeting", "hello"); err != nil {
		log.Fatal(err)
	}
	put, err := client.Put(ctx, "connect/greeting", "hello, world", clientv3.WithPrevKV())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("put: the value was %q\n", put.PrevKv.Value)

	got, err := client.Get(ctx, "connect/greeting")
	if err != nil {
		log.Fatal(err)
	}
	for _, kv := range got.Kvs {
		fmt.Printf("get: %s = %q, version %d\n", kv.Key, kv.Value, kv.Version)
	}
	past, err := client.Get(ctx, "connect/greeting", clientv3.WithRev(got.Kvs[0].CreateRevision))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("get at its first revision: %q\n", past.Kvs[0].Value)

	absent, err := client.Get(ctx, "connect/absent")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("get of an absent key: %d found\n", absent.Count)

	for _, fruit := range []string{"pear", "apple", "fig"} {
		if _, err := client.Put(ctx, "connect/fruit/"+fruit, fruit); err != nil {
			log.Fatal(err)
		}
	}
	all, err := client.Get(ctx, "connect/fruit/", clientv3.WithPrefix(),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend), clientv3.WithLimit(2))
	if err != nil {
		log.Fatal(err)
	}
	for _, kv := range all.Kvs {
		fmt.Printf("prefix: %s\n", kv.Key)
	}
	fmt.Printf("prefix: %d of %d, more: %t\n", len(all.Kvs), all.Count, all.More)

	txn, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.Version("connect/greeting"), "=", 2)).
		Then(clientv3.OpPut("connect/greeting", "bye"), clientv3.OpGet("connect/greeting")).
		Else(clientv3.OpGet("connect/greeting")).
		Commit()
	if err != nil {
		log.Fatal(err)
	}
	value := txn.Responses[len(txn.Responses)-1].GetResponseRange().Kvs[0].Value
	fmt.Printf("txn: succeeded: %t, the value is %q\n", txn.Succeeded, value)

	deleted, err := client.Delete(ctx, "connect/", clientv3.WithPrefix())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("delete: %d keys\n", deleted.Deleted)

	_, err = client.Put(ctx, "", "a value without a key")
	fmt.Printf("put without a key: %v\n", err)
}
