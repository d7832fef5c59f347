mod mqtt;
