"""An application whose JVM is warm: it registers as soon as the file in the first argument is there, and stays."""

import os
import sys
import time

from pyspark import SparkConf, SparkContext

begin, master = sys.argv[1:]
SparkContext(conf=SparkConf().setMaster("local[1]").setAppName("warm")).stop()
print("WARM", flush=True)
while not os.path.exists(begin):
    time.sleep(0.002)
print("BEGIN", flush=True)
SparkContext(conf=SparkConf().setMaster(master).setAppName("compared"))
print("APPLICATION", flush=True)
while os.path.exists(begin):
    time.sleep(0.1)
